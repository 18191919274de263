// SPDX-License-Identifier: MIT
// The modes of ceymail-metrics. Each function returns the exit code of the process, sysexits(3).
// Processes: the process that the administrator, systemd or the web server starts.
// May touch: all that root may, until it becomes the configured user.
// Security: as CGI, arguments and standard input come from the client; the configuration comes from root.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/config/configuration.hpp"

namespace ceymail::responder {

// Behind a web server: answers one CGI request, or supervises workers on a listening socket.
[[nodiscard]] int serve(const config::Configuration& configuration);

// Answers one request as plain CGI, without a cached snapshot.
[[nodiscard]] int serve_cgi(const config::Configuration& configuration);

// --once: prints the exposition on standard output.
[[nodiscard]] int once(const config::Configuration& configuration);

}  // namespace ceymail::responder
