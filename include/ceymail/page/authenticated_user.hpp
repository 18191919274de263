// SPDX-License-Identifier: MIT
// AuthenticatedUser: who asks for a page, over what, and from where; or why he is refused.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "ceymail/admission/address_key.hpp"
#include "ceymail/fastcgi/page_request.hpp"

namespace ceymail::page {

// A page without anything to do on it.
struct Refusal {
    int status;
    std::string_view title;
    std::string_view words;  // what to do about it
};

struct AuthenticatedUser {
    std::string user;  // printable, 1 to 200 bytes
    std::string address;
    std::string host;  // host_of()
    admission::AddressKey key;
};

enum class PlainHttp { refused, served };

// The web server authenticates: nobody is served without a REMOTE_USER, nor over plain HTTP unless that is wanted.
[[nodiscard]] std::expected<AuthenticatedUser, Refusal> identify(const fastcgi::PageRequest& request,
                                                                 PlainHttp plain_http);

// Whether a POST comes from a page of our own, by what browsers say of it: Sec-Fetch-Site (Fetch Metadata) and Origin
// (RFC 6454) where they are given. The seal of the form is what counts; this refuses before anything is looked at.
[[nodiscard]] bool comes_from_here(const fastcgi::PageRequest& request);

// A name or an address with an optional port, as RFC 3986 3.2.2 has it, of at most 253 characters and the port.
// Foreign input: it goes into the page as text, never into a header.
[[nodiscard]] bool is_host(std::string_view host) noexcept;

// Returns: HTTP_HOST, the host and the port that the browser sees. Where that is missing, as over HTTP/3 behind some
// versions of nginx: SERVER_NAME, with SERVER_PORT unless it is the scheme's own.
[[nodiscard]] std::string host_of(const fastcgi::PageRequest& request);

[[nodiscard]] bool over_tls(const fastcgi::PageRequest& request) noexcept;

}  // namespace ceymail::page
