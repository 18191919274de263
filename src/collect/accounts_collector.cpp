// SPDX-License-Identifier: MIT
#include "ceymail/collect/accounts_collector.hpp"

namespace ceymail::collect {

namespace {

bool did_work(const util::Result<AccountCounts>& counts) {
    using enum util::ErrorKind;
    if (counts) return true;
    const auto kind = counts.error().kind;
    return kind != timed_out && kind != unavailable && kind != conflict;
}

}  // namespace

util::Result<Families> AccountsCollector::collect(util::BootTime deadline) {
    const auto began = util::BootClock::now();
    const auto counts = m_count(deadline);
    m_server_time = did_work(counts) ? util::BootClock::now() - began : std::chrono::nanoseconds{};
    if (!counts) return std::unexpected(counts.error());
    using enum exposition::MetricType;
    return Families{
        single("ceymail_domains_total", "Mail domains.", gauge, counts->domains),
        single("ceymail_mailboxes_total", "Mailboxes.", gauge, counts->mailboxes),
        single("ceymail_aliases_total", "Mail aliases.", gauge, counts->aliases),
    };
}

}  // namespace ceymail::collect
