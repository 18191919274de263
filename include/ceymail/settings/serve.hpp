// SPDX-License-Identifier: MIT
// Serves the settings page behind a web server.
#pragma once

#include "ceymail/config/configuration.hpp"

namespace ceymail::settings {

// Takes the socket, becomes settings_user and answers until SIGTERM or SIGINT. systemd keeps the socket and restarts a
// process that exits.
// Returns: the exit code, sysexits(3).
// Processes: one, with one thread and no capability.
// May touch: its database account, its runtime directory, the gateway secret, the sockets of the metrics responder.
// Security: an attacker who takes the process over can make and revoke tokens and write audit rows. It cannot read a
// digest or mail.
[[nodiscard]] int serve(const config::Configuration& configuration);

}  // namespace ceymail::settings
