// SPDX-License-Identifier: MIT
#include "ceymail/site/ceymail_conf.hpp"

#include <algorithm>

#include "ceymail/util/text.hpp"

namespace ceymail::site {
namespace {

constexpr std::string_view k_blanks = " \t\r";

// A shell's comment begins with '#' after a blank, outside of quotes.
std::string_view without_comment(std::string_view value) {
    const bool quoted = !value.empty() && (value[0] == '"' || value[0] == '\'');
    const auto end_of_quote = quoted ? value.find(value[0], 1) : 0;
    for (auto at = value.find('#', end_of_quote); at != value.npos; at = value.find('#', at + 1))
        if (at > 0 && k_blanks.find(value[at - 1]) != k_blanks.npos)
            return util::trimmed(value.substr(0, at), k_blanks);
    return value;
}

// Returns: the last value of `key`, which is the one that a shell would keep; empty: there is none.
std::string value_of(std::string_view text, std::string_view key) {
    std::string value;
    for (auto line : util::lines_of(text)) {
        line = util::trimmed(line, k_blanks);
        if (line.starts_with("export ")) line = util::trimmed(line.substr(7), k_blanks);
        const auto equals = line.find('=');
        if (equals != line.npos && line.substr(0, equals) == key)
            value = util::unquoted(without_comment(util::trimmed(line.substr(equals + 1), k_blanks)));
    }
    return value;
}

}  // namespace

bool is_host_name(std::string_view name) noexcept {
    const auto allowed = [](char c) { return util::is_alphanumeric(c) || c == '-' || c == '.'; };
    return !name.empty() && name.size() <= 253 && name.front() != '.' && name.front() != '-' && name.back() != '.' &&
           name.find("..") == name.npos && std::ranges::all_of(name, allowed);
}

util::Result<CeymailConf> parse_ceymail_conf(std::string_view text, std::string_view file_name) {
    const std::string file(file_name);
    const std::string remedy = "; run CeyMail's installer, or name the site's file with --site";
    CeymailConf conf;
    const auto domain = value_of(text, "DASHBOARD_DOMAIN");
    if (!is_host_name(domain))
        return util::fail(util::ErrorKind::invalid,
                          domain.empty() ? file + " has no DASHBOARD_DOMAIN" + remedy
                                         : "DASHBOARD_DOMAIN of " + file + " is no host name: " + domain + remedy);
    conf.dashboard_domain = util::lower_case(domain);
    const auto server = value_of(text, "WEB_SERVER");
    if (server == "nginx")
        conf.web_server = WebServer::nginx;
    else if (server == "apache2" || server == "apache")
        conf.web_server = WebServer::apache;
    else
        return util::fail(util::ErrorKind::invalid,
                          server.empty()
                              ? file + " has no WEB_SERVER" + remedy
                              : "WEB_SERVER of " + file + " is neither nginx nor apache2: " + server + remedy);
    return conf;
}

}  // namespace ceymail::site
