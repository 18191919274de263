// SPDX-License-Identifier: MIT
#include "ceymail/collect/accounts_collector.hpp"

namespace ceymail::collect {

namespace {

bool has_worked(const util::Result<AccountCounts>& counts) {
    using enum util::ErrorKind;
    if (counts) return true;
    const auto kind = counts.error().kind;
    return kind != timed_out && kind != unavailable && kind != conflict;
}

}  // namespace

util::Result<Families> AccountsCollector::collect(util::BootTime deadline) {
    const auto began = util::BootClock::now();
    const auto counts = m_count(deadline);
    m_work_elsewhere = has_worked(counts) ? util::BootClock::now() - began : std::chrono::nanoseconds{};
    if (!counts) return std::unexpected(counts.error());
    using exposition::MetricType;
    using exposition::single;
    Families families;
    families.push_back(single("ceymail_domains_total", "Mail domains.", MetricType::gauge, counts->domains));
    families.push_back(single("ceymail_mailboxes_total", "Mailboxes.", MetricType::gauge, counts->mailboxes));
    families.push_back(single("ceymail_aliases_total", "Mail aliases.", MetricType::gauge, counts->aliases));
    return families;
}

}  // namespace ceymail::collect
