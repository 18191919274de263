// SPDX-License-Identifier: MIT
// parse_nginx(): tokens as nginx reads them, then what its server blocks are.
#include <algorithm>
#include <vector>

#include "ceymail/site/site.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::site {
namespace {

constexpr std::size_t k_most_depth = 64;

bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

struct Statement {
    enum class End { semicolon, block_start, block_end, file_end };
    std::vector<std::string> words;
    std::size_t begin = 0;  // of the first word; of '}' for block_end
    End end = End::file_end;
};

// The state machine of ngx_conf_read_token().
class Reader {
public:
    explicit Reader(std::string_view text) : m_text(text) {}

    util::Result<Statement> next() {
        Statement statement;
        while (m_at < m_text.size()) {
            const char c = m_text[m_at];
            if (is_blank(c)) {
                ++m_at;
            } else if (c == '#') {
                m_comments.push_back(m_at);
                m_at = std::min(m_text.size(), m_text.find('\n', m_at));
            } else if (c == ';' || c == '{') {
                if (statement.words.empty()) return fault(m_at, std::string("unexpected \"") + c + "\"");
                ++m_at;
                statement.end = c == ';' ? Statement::End::semicolon : Statement::End::block_start;
                return statement;
            } else if (c == '}') {
                if (!statement.words.empty()) return fault(m_at, "unexpected \"}\"");
                statement.begin = m_at++;
                statement.end = Statement::End::block_end;
                return statement;
            } else {
                if (statement.words.empty()) statement.begin = m_at;
                CEYMAIL_TRY_ASSIGN(auto content, c == '"' || c == '\'' ? quoted_word(c) : word());
                statement.words.push_back(std::move(content));
            }
        }
        if (!statement.words.empty()) return fault(statement.begin, "the file ends within a directive");
        statement.begin = m_text.size();
        return statement;
    }

    [[nodiscard]] const std::vector<std::size_t>& comments() const noexcept { return m_comments; }
    [[nodiscard]] std::unexpected<util::Error> fault(std::size_t at, const std::string& what) const {
        return util::fail(util::ErrorKind::invalid, "line " + std::to_string(line_at(m_text, at)) + ": " + what);
    }

private:
    // A backslash keeps the next character from ending the word. The words are only compared, so escapes stay.
    util::Result<std::string> word() {
        const auto begin = m_at;
        bool variable = false;
        for (; m_at < m_text.size(); ++m_at) {
            const char c = m_text[m_at];
            if (c == '{' && variable) continue;
            variable = c == '$';
            if (c == '\\')
                ++m_at;
            else if (is_blank(c) || c == ';' || c == '{')
                return std::string(m_text.substr(begin, m_at - begin));
        }
        return fault(begin, "the file ends within a directive");
    }

    util::Result<std::string> quoted_word(char quote) {
        const auto begin = ++m_at;
        for (; m_at < m_text.size(); ++m_at) {
            if (m_text[m_at] == '\\') {
                ++m_at;
            } else if (m_text[m_at] == quote) {
                auto content = std::string(m_text.substr(begin, m_at++ - begin));
                const char after = m_at < m_text.size() ? m_text[m_at] : '\n';
                if (is_blank(after) || after == ';' || after == '{' || after == ')') return content;
                return fault(m_at, "unexpected character after a quote");
            }
        }
        return fault(begin - 1, "a quote that does not end");
    }

    std::string_view m_text;
    std::size_t m_at = 0;
    std::vector<std::size_t> m_comments;
};

// "443", "192.0.2.1:443", "[::]:443", "*:443", "name", "name:443"; not "unix:/path".
Listener listener_of(const std::vector<std::string>& words) {
    Listener listener;
    const auto& where = words[1];
    const bool only_port = where.find_first_not_of("0123456789") == where.npos;
    const auto colon = where.rfind(':');
    if (only_port) {
        listener.port = where;
    } else if (colon != where.npos && where.find(']', colon) == where.npos) {
        listener.address = where.substr(0, colon);
        listener.port = where.substr(colon + 1);
    } else {
        listener.address = where;
        listener.port = "80";
    }
    if (listener.address == "*" || listener.address == "0.0.0.0") listener.address.clear();
    listener.port.erase(std::min(listener.port.size(), listener.port.find('-')));  // "8440-8449": any of them answers
    const auto has = [&](const char* word) { return std::find(words.begin() + 2, words.end(), word) != words.end(); };
    listener.tls = has("ssl");
    listener.proxy_protocol = has("proxy_protocol");
    return listener;
}

class Servers {
public:
    // A directive directly inside the server block, or the name of a block there.
    void add(const Statement& statement, std::string_view text) {
        const auto& words = statement.words;
        const auto& name = words[0];
        if (name == "server_name")
            for (std::size_t i = 1; i < words.size(); ++i) m_open.names.push_back(util::lower_case(words[i]));
        if (name == "listen" && words.size() > 1) add_listener(words);
        if (name == "ssl" && words.size() == 2 && util::lower_case(words[1]) == "on") m_ssl_on = true;
        if (name == "include" && words.size() == 2) m_open.includes.push_back({statement.begin, words[1]});
        if (name != "location") return;
        if (m_open.place == 0) m_open.place = statement.begin;
        // nginx also takes "=/path" as one word.
        const bool is_own = words.size() == 3 ? words[1] == "=" && words[2] == k_endpoint_path
                                              : words.size() == 2 && words[1] == "=" + std::string(k_endpoint_path);
        if (is_own && !m_open.own_path_line) m_open.own_path_line = line_at(text, statement.begin);
    }

    void open(const Statement& statement, std::string_view text) {
        m_open = {};
        m_ssl_on = m_other_listener = false;
        m_open.line = line_at(text, statement.begin);
    }

    void close(std::size_t at) {
        if (m_open.place == 0) m_open.place = at;
        if (m_ssl_on)
            for (auto& listener : m_open.listeners) listener.tls = true;
        // nginx's default.
        if (m_open.listeners.empty() && !m_other_listener) m_open.listeners.push_back({.address = "", .port = "80"});
        m_open.tls = std::ranges::any_of(m_open.listeners, &Listener::tls);
        m_open.plain = !std::ranges::all_of(m_open.listeners, &Listener::tls);
        m_all.push_back(std::move(m_open));
    }

    [[nodiscard]] std::vector<VirtualServer>& all() noexcept { return m_all; }

private:
    void add_listener(const std::vector<std::string>& words) {
        // QUIC answers over UDP, and no other host reaches a Unix socket.
        if (std::ranges::find(words, "quic") != words.end() || words[1].starts_with("unix:"))
            m_other_listener = true;
        else
            m_open.listeners.push_back(listener_of(words));
    }

    std::vector<VirtualServer> m_all;
    VirtualServer m_open;
    bool m_ssl_on = false;
    bool m_other_listener = false;
};

void note(Site& site, const std::vector<std::string>& words) {
    if (words.size() != 2) return;
    if (words[0] == "ssl_certificate") site.certificates.push_back(words[1]);
    if (words[0] == "include") site.all_includes.push_back(words[1]);
}

// Blocks in whose place a server block may be: none in a site file, `http` in a whole configuration.
bool holds_servers(const std::vector<std::string>& path) {
    return path.empty() || (path.size() == 1 && path[0] == "http");
}

}  // namespace

util::Result<Site> parse_nginx(std::string_view text) {
    if (const auto nul = text.find('\0'); nul != text.npos)
        return util::fail(util::ErrorKind::invalid,
                          "line " + std::to_string(line_at(text, nul)) + ": a NUL byte; this is no text file");
    Reader reader(text);
    Site site;
    Servers servers;
    std::vector<std::string> path;  // names of the open blocks
    std::size_t server_depth = 0;   // of the open server block; 0: none is open
    for (;;) {
        CEYMAIL_TRY_ASSIGN(const auto statement, reader.next());
        switch (statement.end) {
            case Statement::End::file_end:
                if (!path.empty()) return reader.fault(text.size(), "the block " + path.back() + " does not end");
                site.servers = std::move(servers.all());
                site.comments = reader.comments();
                return site;
            case Statement::End::block_end:
                if (path.empty()) return reader.fault(statement.begin, "unexpected \"}\"");
                if (path.size() == server_depth) {
                    servers.close(statement.begin);
                    server_depth = 0;
                }
                path.pop_back();
                break;
            case Statement::End::semicolon:
                note(site, statement.words);
                if (server_depth != 0 && path.size() == server_depth) servers.add(statement, text);
                break;
            case Statement::End::block_start:
                if (statement.words[0].ends_with("_by_lua_block"))
                    return reader.fault(statement.begin, statement.words[0] +
                                                             ": Lua cannot be read here; move it into a file "
                                                             "(..._by_lua_file), or add the include by hand");
                if (path.size() == k_most_depth) return reader.fault(statement.begin, "blocks nest too deep");
                if (server_depth != 0 && path.size() == server_depth) servers.add(statement, text);
                if (server_depth == 0 && statement.words[0] == "server" && statement.words.size() == 1 &&
                    holds_servers(path)) {
                    servers.open(statement, text);
                    server_depth = path.size() + 1;
                }
                path.push_back(statement.words[0]);
                break;
        }
    }
}

}  // namespace ceymail::site
