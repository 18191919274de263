// SPDX-License-Identifier: MIT
#include "ceymail/page/authenticated_user.hpp"

#include <utility>

#include "ceymail/page/utf8.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::page {
namespace {

constexpr std::size_t k_longest_user = 200;  // "made by ..." and created_by have 255
constexpr std::size_t k_longest_name = 253;

const Message k_no_address{
    400, "The client’s address is missing",
    "The web server must pass REMOTE_ADDR exactly once; use the shipped nginx or Apache file for ceymail-settings."};
const Message k_unix_peer{
    400, "The client’s address is missing",
    "The web server passed “unix:” as REMOTE_ADDR: a proxy connects to it over a Unix socket. In nginx, "
    "“set_real_ip_from unix:;” and “real_ip_header X-Forwarded-For;” take the address that the proxy sends."};
const Message k_needs_https{
    403, "This page is only served over HTTPS",
    "A token must not travel in the clear. Open the page by its https:// address; if it is, the "
    "web server has to pass the parameter HTTPS, as the shipped nginx and Apache files do."};
const Message k_not_signed_in{
    403, "You are not signed in",
    "The web server has to authenticate the user of this page and pass REMOTE_USER; the "
    "shipped nginx and Apache files show how. To use the dashboard’s session instead, set settings_session_secret."};
const Message k_odd_host{400, "This host name is none",
                         "Open the page by the name or address of this server; the Host header of the request "
                         "is malformed."};

bool all(std::string_view text, std::string_view allowed) { return text.find_first_not_of(allowed) == text.npos; }

constexpr std::string_view k_digits = "0123456789";

bool is_port(std::string_view port) { return !port.empty() && port.size() <= 5 && all(port, k_digits); }

}  // namespace

const Message k_odd_user{403, "This user name cannot be used here",
                         "It is longer than 200 bytes or holds control characters, which must not get into the "
                         "audit log."};

bool is_user_name(std::string_view name) {
    return !name.empty() && name.size() <= k_longest_user && is_printable(name);
}

bool is_host(std::string_view host) noexcept {
    constexpr std::string_view k_name = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (host.starts_with('[')) {
        const auto end = host.find(']');
        if (end == host.npos || !all(host.substr(1, end - 1), "0123456789abcdefABCDEF:.")) return false;
        const auto rest = host.substr(end + 1);
        return end > 2 && end < 48 && (rest.empty() || (rest.front() == ':' && is_port(rest.substr(1))));
    }
    const auto colon = host.find(':');
    const auto name = host.substr(0, colon);
    const bool port_fits = colon == host.npos || is_port(host.substr(colon + 1));
    return !name.empty() && name.size() <= k_longest_name && all(name, k_name) && port_fits;
}

bool over_tls(const fastcgi::PageRequest& request) noexcept { return request.https == "on" || request.https == "1"; }

std::string host_of(const fastcgi::PageRequest& request) {
    if (!request.host.empty() || request.server_name.empty()) return request.host;
    const std::string_view own_port = over_tls(request) ? "443" : "80";
    return request.server_name + (request.server_port == own_port ? std::string() : ":" + request.server_port);
}

std::expected<AuthenticatedUser, Message> identify(const fastcgi::PageRequest& request,
                                                   const config::Configuration& configuration) {
    const auto key = admission::parse_address_key(request.remote_addr);
    if (!request.malformed && admission::is_unix_peer(request.remote_addr)) return std::unexpected(k_unix_peer);
    if (request.malformed || !key) return std::unexpected(k_no_address);
    if (!configuration.settings_plain_http && !over_tls(request)) return std::unexpected(k_needs_https);
    std::string user;
    if (configuration.settings_session_secret.empty()) {
        user = request.remote_user;
        if (user.empty()) return std::unexpected(k_not_signed_in);
        if (!is_user_name(user)) return std::unexpected(k_odd_user);
    }
    auto host = host_of(request);
    if (!is_host(host)) return std::unexpected(k_odd_host);
    return AuthenticatedUser{
        .user = std::move(user), .address = request.remote_addr, .host = std::move(host), .key = *key};
}

bool comes_from_here(const fastcgi::PageRequest& request) {
    if (!request.fetch_site.empty() && request.fetch_site != "same-origin") return false;
    if (request.origin.empty()) return true;
    const std::string here = (over_tls(request) ? "https://" : "http://") + host_of(request);
    return util::equals_ignoring_case(request.origin, here);
}

}  // namespace ceymail::page
