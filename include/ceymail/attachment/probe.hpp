// SPDX-License-Identifier: MIT
// A request to the site over the loopback interface, without a token.
#pragma once

#include <chrono>
#include <string>

#include "ceymail/site/site.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/webclient/ask.hpp"

namespace ceymail::attachment {

// Asks `listener` for `path` of the site `name`: by TLS with SNI if it is a listener with TLS. A listener for all
// addresses is asked at 127.0.0.1 or ::1.
// Security: the certificate is not verified, because the connection does not leave the host and carries no secret.
// Errors: those of webclient::ask(). Units: each step waits for `timeout`.
[[nodiscard]] util::Result<webclient::Answer> ask_site(const site::Listener& listener, const std::string& name,
                                                       const std::string& path, std::chrono::milliseconds timeout);

}  // namespace ceymail::attachment
