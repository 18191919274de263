// SPDX-License-Identifier: MIT
// The modes of ceymail-metrics that collect without a gatherer. Each function returns the exit code of the process,
// sysexits(3).
// Processes: the process that the administrator or the web server starts.
// May touch: all that root may, until it becomes the configured user.
// Security: as CGI, arguments and standard input come from the client; the configuration comes from root.
#pragma once

#include "ceymail/config/configuration.hpp"

namespace ceymail::responder {

// Answers one request as plain CGI, without a cached snapshot.
[[nodiscard]] int serve_cgi(const config::Configuration& configuration);

// --once: prints the exposition on standard output.
[[nodiscard]] int once(const config::Configuration& configuration);

}  // namespace ceymail::responder
