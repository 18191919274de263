// SPDX-License-Identifier: MIT
// A second, slow parser of the mail log that shares no code with the real one: regular expressions of POSIX, one for
// each kind of line. Bytes of any value are text for it as well.
#pragma once

#include <string_view>

#include "ceymail/maillog/counters.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::testing {

void parse_mail_log_slowly(std::string_view lines, util::BootTime now, maillog::Counters& counters);

// The real parser must agree: whole lines, as above.
void parse_fail2ban_slowly(std::string_view lines, maillog::Counters& counters);

}  // namespace ceymail::testing
