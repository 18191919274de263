// SPDX-License-Identifier: MIT
// The metrics of the mail log: counters to families.
#pragma once

#include <vector>

#include "ceymail/exposition/metric_family.hpp"
#include "ceymail/maillog/counters.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::maillog {

// What is installed on the host and writes to the log, as far as the caller knows. What the log has shown counts too,
// so all may be false: then a family appears with the first line of its daemon.
struct Sources {
    bool postfix = false;
    bool dovecot = false;
    bool spamd = false;
    bool fail2ban = false;
    bool inbound_tls = false;   // smtpd_tls_loglevel is 1 or more
    bool outbound_tls = false;  // smtp_tls_loglevel is 1 or more
    bool postscreen = false;
    bool journal = false;  // it is the source of the lines
};

// Returns: all families, each series of a source that is there from 0 on. A source that is neither named nor seen has
// no series.
// Security: `counters` may have been written by a taken-over process. Every label value is from a fixed list, but that
// of ceymail_bans_total, which is checked; no series appears twice.
[[nodiscard]] std::vector<exposition::MetricFamily> make_families(const Counters& counters, const Sources& sources,
                                                                  util::BootTime now);

}  // namespace ceymail::maillog
