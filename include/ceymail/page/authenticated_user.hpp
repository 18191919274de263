// SPDX-License-Identifier: MIT
// AuthenticatedUser: the user and the address of a page request, or the reason to refuse it.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "ceymail/admission/address_key.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/fastcgi/page_request.hpp"
#include "ceymail/page/page_model.hpp"

namespace ceymail::page {

struct AuthenticatedUser {
    std::string user;                   // printable, 1 to 200 bytes; empty until SessionLogin has found it
    std::optional<std::uint64_t> id{};  // in dashboard_users; no value: the web server authenticated the user
    std::string address;
    std::string host;  // host_of()
    admission::AddressKey key;
};

// Returns: whether the page can show the name and write it to the audit log.
[[nodiscard]] bool is_user_name(std::string_view name);
extern const Message k_odd_user;  // of a name that is none

// With settings_session_secret SessionLogin finds the user: REMOTE_USER is ignored, and the user's name stays empty.
// Errors: the refusal of a request without REMOTE_USER, without one client address, with a malformed host, or over
// plain HTTP unless that is configured. Security: the web server authenticates; this trusts REMOTE_USER after the
// gateway secret was checked.
[[nodiscard]] std::expected<AuthenticatedUser, Message> identify(const fastcgi::PageRequest& request,
                                                                 const config::Configuration& configuration);

// Returns: whether the browser says that the POST comes from this site. A missing header is accepted, because the CSRF
// token decides. Source: Sec-Fetch-Site (Fetch Metadata), Origin (RFC 6454).
[[nodiscard]] bool comes_from_here(const fastcgi::PageRequest& request);

// Returns: whether `host` is a name (at most 253 characters) or an address, with an optional port.
// Security: untrusted input; it is written to the page as text, never to a header. Source: RFC 3986 3.2.2.
[[nodiscard]] bool is_host(std::string_view host) noexcept;

// Returns: HTTP_HOST. If it is missing, as over HTTP/3 with some versions of nginx: SERVER_NAME, with SERVER_PORT
// unless that is the default of the scheme.
[[nodiscard]] std::string host_of(const fastcgi::PageRequest& request);

[[nodiscard]] bool over_tls(const fastcgi::PageRequest& request) noexcept;

}  // namespace ceymail::page
