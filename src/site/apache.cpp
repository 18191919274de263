// SPDX-License-Identifier: MIT
// parse_apache(): logical lines, then what the virtual hosts are.
#include <algorithm>
#include <optional>
#include <vector>

#include "ceymail/site/site.hpp"

namespace ceymail::site {
namespace {

constexpr std::size_t k_most_depth = 64;
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
        line.content.erase(0, std::min(line.content.size(), line.content.find_first_not_of(k_blanks)));
        line.content.erase(line.content.find_last_not_of(k_blanks) + 1);
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
    return lower_case(name);
}

class Hosts {
public:
    void open(const std::vector<std::string>& addresses, std::size_t line) {
        m_open = {};
        m_open.line = line;
        for (const auto& address : addresses) m_open.listeners.push_back(listener_of(address));
        m_engine.reset();
        m_has_certificate = false;
    }

    void add(const std::vector<std::string>& words, std::size_t offset) {
        const auto name = lower_case(words[0]);
        if (name == "servername" && words.size() > 1) m_open.names.push_back(name_of_server(words[1]));
        if (name == "serveralias")
            for (std::size_t i = 1; i < words.size(); ++i) m_open.names.push_back(lower_case(words[i]));
        if (name == "sslengine" && words.size() > 1) m_engine = lower_case(words[1]);
        if (name == "sslcertificatefile") m_has_certificate = true;
        if ((name == "include" || name == "includeoptional") && words.size() > 1)
            m_open.includes.push_back({offset, words[1]});
    }

    void close(std::size_t place) {
        m_open.place = place;
        // Certbot's file with SSLEngine is included, and only the certificate is named here.
        m_open.tls = m_engine ? *m_engine == "on" : m_has_certificate;
        m_open.plain = !m_open.tls;
        if (m_open.listeners.empty()) m_open.listeners.emplace_back();  // Apache would refuse it
        for (auto& listener : m_open.listeners) {
            listener.tls = m_open.tls;
            if (listener.port.empty()) listener.port = m_open.tls ? "443" : "80";
        }
        m_all.push_back(std::move(m_open));
    }

    [[nodiscard]] std::vector<VirtualServer>& all() noexcept { return m_all; }

private:
    std::vector<VirtualServer> m_all;
    VirtualServer m_open;
    std::optional<std::string> m_engine;
    bool m_has_certificate = false;
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
    tag.name = lower_case(line.substr(0, end));
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
        return Site{std::move(m_hosts.all()), std::move(m_comments)};
    }

private:
    [[nodiscard]] std::unexpected<util::Error> fault(std::size_t at, const std::string& what) const {
        return util::fail(util::ErrorKind::invalid, "line " + std::to_string(line_at(m_text, at)) + ": " + what);
    }

    util::Result<void> take(const Line& line) {
        if (line.content.empty()) return {};
        if (line.content[0] == '#') {
            m_comments.push_back(m_text.find('#', line.begin));
            return {};
        }
        if (const auto tag = tag_of(line.content))
            return tag->closes ? close(*tag, line.begin) : open(*tag, line.begin);
        if (m_host_depth != 0 && directly_inside()) m_hosts.add(words_of(line.content), line.begin);
        return {};
    }

    util::Result<void> open(const Tag& tag, std::size_t at) {
        if (tag.name.empty()) return fault(at, "a section line without \">\"");
        if (tag.name == "perl" || tag.name == "macro")
            return fault(at, "a section <" + tag.name + "> cannot be read here; add the include by hand");
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
    std::vector<std::size_t> m_comments;
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
