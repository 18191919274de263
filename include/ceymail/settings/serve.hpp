// SPDX-License-Identifier: MIT
// What ceymail-settings does behind a web server.
#pragma once

#include "ceymail/config/configuration.hpp"

namespace ceymail::settings {

// One process, one thread, no capability: takes the socket, becomes settings_user, answers until SIGTERM or SIGINT.
// What dies is started again by systemd, which keeps the socket. Returns the exit code, sysexits(3).
// SECURITY: whoever takes it over can make and revoke tokens and write audit rows, which is what the page is for; he
// reads neither a digest nor mail, and is nobody to the metrics responder but another peer.
[[nodiscard]] int serve(const config::Configuration& configuration);

}  // namespace ceymail::settings
