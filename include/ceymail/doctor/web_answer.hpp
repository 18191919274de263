// SPDX-License-Identifier: MIT
// The diagnosis of the web server's configuration by its answer to --check --url.
#pragma once

#include "ceymail/doctor/check_report.hpp"
#include "ceymail/webclient/ask.hpp"

namespace ceymail::doctor {

// Reports on "web server". Requires: the request had a well-formed token that is not valid.
void report_answer(CheckReport& report, const webclient::Answer& answer);

}  // namespace ceymail::doctor
