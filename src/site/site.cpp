// SPDX-License-Identifier: MIT
#include "ceymail/site/site.hpp"

#include <algorithm>

#include "ceymail/util/text.hpp"

namespace ceymail::site {

util::Result<Site> parse(WebServer server, std::string_view text) {
    return server == WebServer::nginx ? parse_nginx(text) : parse_apache(text);
}

WebServer guess_web_server(std::string_view text) {
    const auto opens_host = [](std::string_view line) {
        return util::equals_ignoring_case(util::trimmed(line, " \t").substr(0, 12), "<virtualhost");
    };
    return std::ranges::any_of(util::lines_of(text), opens_host) ? WebServer::apache : WebServer::nginx;
}

std::size_t line_at(std::string_view text, std::size_t offset) noexcept {
    return 1 + static_cast<std::size_t>(std::ranges::count(text.substr(0, offset), '\n'));
}

}  // namespace ceymail::site
