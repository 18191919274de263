// SPDX-License-Identifier: MIT
// What ceymail-metrics can do. Each returns the exit code of the process, sysexits(3).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/config/configuration.hpp"

namespace ceymail::responder {

// Behind a web server: finds out how it was started and becomes a supervisor, or answers one CGI request.
[[nodiscard]] int serve(const config::Configuration& configuration);

// One request in this process, as plain CGI. No cache: who wants one starts it as FastCGI.
[[nodiscard]] int serve_cgi(const config::Configuration& configuration);

// --once: the exposition on standard output.
[[nodiscard]] int once(const config::Configuration& configuration);

}  // namespace ceymail::responder
