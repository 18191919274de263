// SPDX-License-Identifier: MIT
#include "ceymail/site/site.hpp"

#include <algorithm>

namespace ceymail::site {

util::Result<Site> parse(WebServer server, std::string_view text) {
    return server == WebServer::nginx ? parse_nginx(text) : parse_apache(text);
}

WebServer guess_web_server(std::string_view text) {
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
        if (lower_case(line.substr(0, 12)) == "<virtualhost") return WebServer::apache;
    }
    return WebServer::nginx;
}

std::string_view name_of(WebServer server) noexcept { return server == WebServer::nginx ? "nginx" : "Apache"; }

std::size_t line_at(std::string_view text, std::size_t offset) noexcept {
    return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, offset), '\n'));
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

}  // namespace ceymail::site
