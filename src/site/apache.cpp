// SPDX-License-Identifier: MIT
// parse_apache(): logical lines, then what the virtual hosts are.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "ceymail/site/site.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::site {
namespace {

constexpr std::size_t k_most_depth = 64;
constexpr std::size_t k_longest_line = 8192;  // with the values of variables, which may hold each other
constexpr std::string_view k_blanks = " \t\r\n\v\f";

// One directive with its continuation lines.
struct Line {
    std::string content;    // without the blanks around it
    std::size_t begin = 0;  // of the first physical line
};

class Lines {
public:
    explicit Lines(std::string_view text) : m_text(text) {}

    std::optional<Line> next() {
        if (m_at >= m_text.size()) return std::nullopt;
        Line line;
        line.begin = m_at;
        while (take_physical(line.content)) {
        }
        line.content = std::string(util::trimmed(line.content, k_blanks));
        return line;
    }

private:
    // Returns: whether the next line continues this one.
    bool take_physical(std::string& content) {
        if (m_at >= m_text.size()) return false;
        const auto end = m_text.find('\n', m_at);
        auto physical = m_text.substr(m_at, end - m_at);
        m_at = end == m_text.npos ? m_text.size() : end + 1;
        const bool has_end = end != m_text.npos;
        if (has_end && physical.ends_with('\r')) physical.remove_suffix(1);
        const bool continues = has_end && physical.ends_with('\\');
        if (continues) physical.remove_suffix(1);
        content += physical;
        return continues;
    }

    std::string_view m_text;
    std::size_t m_at = 0;
};

// Words as ap_getword_conf() takes them: quoted, or up to the next blank.
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (;;) {
        text.remove_prefix(std::min(text.size(), text.find_first_not_of(k_blanks)));
        if (text.empty()) return words;
        const char quote = text[0] == '"' || text[0] == '\'' ? text[0] : '\0';
        std::string word;
        std::size_t at = quote != '\0' ? 1 : 0;
        for (; at < text.size(); ++at) {
            if (quote != '\0' ? text[at] == quote : k_blanks.find(text[at]) != k_blanks.npos) break;
            if (quote != '\0' && text[at] == '\\' && at + 1 < text.size() && text[at + 1] == quote) ++at;
            word += text[at];
        }
        words.push_back(std::move(word));
        text.remove_prefix(std::min(text.size(), at + (quote != '\0' ? 1 : 0)));
    }
}

// "*:443", "192.0.2.1:443", "[2001:db8::1]:443", "_default_:443", "example.org". Without a port Apache takes that of
// its Listen lines, which are elsewhere.
Listener listener_of(const std::string& where) {
    Listener listener;
    const auto colon = where.rfind(':');
    if (colon != where.npos && where.find(']', colon) == where.npos) {
        listener.address = where.substr(0, colon);
        listener.port = where.substr(colon + 1);
    } else {
        listener.address = where;
    }
    if (listener.address == "*" || listener.address == "_default_" || listener.address == "0.0.0.0")
        listener.address.clear();
    if (listener.port == "*") listener.port.clear();
    return listener;
}

// "https://example.org:443" is allowed as a ServerName.
std::string name_of_server(std::string name) {
    if (const auto scheme = name.find("://"); scheme != name.npos) name.erase(0, scheme + 3);
    if (const auto colon = name.rfind(':'); colon != name.npos && name.find(']', colon) == name.npos) name.erase(colon);
    return util::lower_case(name);
}

// Source: ap_resolve_env() of Apache. It knows the environment too, which is not known here: such a name stays.
class Definitions {
public:
    void take(const std::vector<std::string>& words) {
        const auto name = util::lower_case(words[0]);
        if (name == "define" && words.size() > 1) m_values[words[1]] = words.size() > 2 ? words[2] : "";
        if (name == "undefine" && words.size() > 1) m_values.erase(words[1]);
    }

    [[nodiscard]] std::string resolved(std::string_view text) const {
        std::string out;
        while (!text.empty() && out.size() < k_longest_line) {
            const auto begin = std::min(text.find("${"), text.size());
            out += text.substr(0, begin);
            text.remove_prefix(begin);
            const auto end = text.find('}');
            if (text.empty() || end == text.npos) return out += text;
            const auto known = m_values.find(text.substr(2, end - 2));
            out += known == m_values.end() ? text.substr(0, end + 1) : std::string_view(known->second);
            text.remove_prefix(end + 1);
        }
        return out;
    }

private:
    std::map<std::string, std::string, std::less<>> m_values;
};

// Returns: the first "${NAME}", or an empty text.
std::string variable_in(const std::string& text) {
    const auto begin = text.find("${");
    const auto end = begin == text.npos ? text.npos : text.find('}', begin);
    return end == text.npos ? std::string() : text.substr(begin, end + 1 - begin);
}

class Hosts {
public:
    void open(const std::vector<std::string>& addresses, std::size_t line) {
        m_open = {};
        m_open.server.line = line;
        for (const auto& address : addresses) {
            m_open.server.listeners.push_back(listener_of(address));
            if (const auto variable = variable_in(address); !variable.empty())
                m_open.server.unread = unread(address, variable);
        }
    }

    void add(const std::vector<std::string>& words, std::size_t offset) {
        const auto name = util::lower_case(words[0]);
        auto& [server, engine, has_certificate] = m_open;
        if (name == "servername" && words.size() > 1) server.names.push_back(name_of_server(words[1]));
        if (name == "serveralias")
            for (std::size_t i = 1; i < words.size(); ++i) server.names.push_back(util::lower_case(words[i]));
        if (name == "sslengine" && words.size() > 1) engine = util::lower_case(words[1]);
        if (name == "sslcertificatefile") has_certificate = true;
        if ((name == "include" || name == "includeoptional") && words.size() > 1)
            server.includes.push_back({offset, words[1]});
    }

    // Outside of the virtual hosts.
    void add_to_server(const std::vector<std::string>& words) {
        if (words.size() > 1 && util::lower_case(words[0]) == "sslengine") m_server_engine = util::lower_case(words[1]);
    }

    void close(std::size_t place) {
        m_open.server.place = place;
        m_all.push_back(std::move(m_open));
    }

    // A host inherits SSLEngine also from a line behind it.
    [[nodiscard]] std::vector<VirtualServer> finish() {
        std::vector<VirtualServer> servers;
        for (auto& [server, engine, has_certificate] : m_all) {
            if (!engine) engine = m_server_engine;
            // Certbot's file with SSLEngine is included, and only the certificate is named here.
            server.tls = engine ? *engine == "on" : has_certificate;
            server.plain = !server.tls;
            if (server.listeners.empty()) server.listeners.emplace_back();  // Apache would refuse it
            for (auto& listener : server.listeners) {
                listener.tls = server.tls;
                if (listener.port.empty()) listener.port = server.tls ? "443" : "80";
            }
            servers.push_back(std::move(server));
        }
        return servers;
    }

private:
    struct Host {
        VirtualServer server;
        std::optional<std::string> engine;  // SSLEngine
        bool has_certificate = false;
    };

    [[nodiscard]] std::string unread(const std::string& address, const std::string& variable) const {
        const auto name = variable.substr(2, variable.size() - 3);
        return "line " + std::to_string(m_open.server.line) + ": <VirtualHost " + address +
               ">: this file does not define " + variable +
               ", and others are not looked into, so it is not known where to try the endpoint; write its "
               "value there, or put it above that line, as in: Define " +
               name + " 443";
    }

    std::vector<Host> m_all;
    Host m_open;
    std::optional<std::string> m_server_engine;
};

bool is_condition(const std::string& section) {
    return section == "ifmodule" || section == "ifdefine" || section == "ifversion" || section == "iffile" ||
           section == "ifdirective" || section == "ifsection";
}

struct Tag {
    std::string name;  // lower case
    std::vector<std::string> arguments;
    bool closes = false;
};

// Apache ignores what follows the last '>' of an opening tag and the first of a closing one, such as a comment.
// Returns: none if the line is no tag. A tag without '>' has the name "".
std::optional<Tag> tag_of(std::string_view line) {
    if (!line.starts_with('<')) return std::nullopt;
    Tag tag;
    tag.closes = line.starts_with("</");
    const auto bracket = tag.closes ? line.find('>') : line.rfind('>');
    if (bracket == line.npos) return Tag{};
    line = line.substr(0, bracket).substr(tag.closes ? 2 : 1);
    const auto end = std::min(line.size(), line.find_first_of(k_blanks));
    tag.name = util::lower_case(line.substr(0, end));
    tag.arguments = words_of(line.substr(end));
    return tag;
}

class Parser {
public:
    explicit Parser(std::string_view text) : m_text(text) {}

    util::Result<Site> parse() {
        Lines lines(m_text);
        while (const auto line = lines.next()) CEYMAIL_TRY(take(*line));
        if (!m_sections.empty()) return fault(m_text.size(), "the section <" + m_sections.back() + "> does not end");
        m_site.servers = m_hosts.finish();
        return std::move(m_site);
    }

private:
    [[nodiscard]] std::unexpected<util::Error> fault(std::size_t at, const std::string& what) const {
        return util::fail(util::ErrorKind::invalid, "line " + std::to_string(line_at(m_text, at)) + ": " + what);
    }

    util::Result<void> take(const Line& line) {
        if (line.content.empty()) return {};
        if (line.content[0] == '#') {
            m_site.comments.push_back(m_text.find('#', line.begin));
            return {};
        }
        const auto content = m_definitions.resolved(line.content);
        if (const auto tag = tag_of(content)) return tag->closes ? close(*tag, line.begin) : open(*tag, line.begin);
        take_directive(words_of(content), line.begin);
        return {};
    }

    void take_directive(const std::vector<std::string>& words, std::size_t at) {
        if (words.empty()) return;
        m_definitions.take(words);
        note(words, at);
        if (!directly_inside()) return;
        if (m_host_depth != 0)
            m_hosts.add(words, at);
        else
            m_hosts.add_to_server(words);
    }

    void note(const std::vector<std::string>& words, std::size_t at) {
        const auto name = util::lower_case(words[0]);
        if (!m_site.macro_line && name == "use") m_site.macro_line = line_at(m_text, at);
        if (words.size() != 2) return;
        if (name == "sslcertificatefile") m_site.certificates.push_back(words[1]);
        if (name == "include" || name == "includeoptional") m_site.all_includes.push_back(words[1]);
    }

    util::Result<void> open(const Tag& tag, std::size_t at) {
        if (tag.name.empty()) return fault(at, "a section line without \">\"");
        if (tag.name == "perl" || tag.name == "macro")
            return fault(at, "a section <" + tag.name +
                                 "> cannot be read here; write the virtual host out in a file of "
                                 "its own and name it with --site, or add the include by hand");
        if (m_sections.size() == k_most_depth) return fault(at, "sections nest too deep");
        m_sections.push_back(tag.name);
        if (tag.name != "virtualhost") return {};
        if (m_host_depth != 0) return fault(at, "a <VirtualHost> inside another");
        m_host_depth = m_sections.size();
        m_hosts.open(tag.arguments, line_at(m_text, at));
        return {};
    }

    util::Result<void> close(const Tag& tag, std::size_t at) {
        if (m_sections.empty() || m_sections.back() != tag.name)
            return fault(at, "</" + tag.name + "> ends no open section" +
                                 (m_sections.empty() ? "" : "; <" + m_sections.back() + "> is open"));
        if (m_sections.size() == m_host_depth) {
            m_hosts.close(at);
            m_host_depth = 0;
        }
        m_sections.pop_back();
        return {};
    }

    [[nodiscard]] bool directly_inside() const {
        return std::all_of(m_sections.begin() + static_cast<std::ptrdiff_t>(m_host_depth), m_sections.end(),
                           is_condition);
    }

    std::string_view m_text;
    Hosts m_hosts;
    Definitions m_definitions;
    Site m_site;
    std::vector<std::string> m_sections;
    std::size_t m_host_depth = 0;  // of the open virtual host; 0: none is open
};

}  // namespace

util::Result<Site> parse_apache(std::string_view text) {
    if (const auto nul = text.find('\0'); nul != text.npos)
        return util::fail(util::ErrorKind::invalid,
                          "line " + std::to_string(line_at(text, nul)) + ": a NUL byte; this is no text file");
    return Parser(text).parse();
}

}  // namespace ceymail::site
