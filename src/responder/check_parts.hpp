// SPDX-License-Identifier: MIT
// The parts of --check that look at the running service and at the web server in front of it.
#pragma once

#include <string>

#include "ceymail/config/configuration.hpp"
#include "ceymail/gate/segment.hpp"
#include "check_report.hpp"

namespace ceymail::responder {

// Whether the gatherer that runs holds its capability, and whether the web server's processes may connect to the
// socket. Looks at the process table, so before root is given up.
void check_service(CheckReport& report, const config::Configuration& configuration);

// What the workers have noted of the web server: connections that it would keep, and whose addresses it gives.
void check_clients(CheckReport& report, const gate::SegmentLayout& layout);

// Asks `url` with a token that is none, and tells by the answer whether the web server passes all on.
void check_web_server(CheckReport& report, const std::string& url);

}  // namespace ceymail::responder
