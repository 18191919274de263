// SPDX-License-Identifier: MIT
// AccountsCollector: how many domains, mailboxes and aliases there are.
#pragma once

#include <cstdint>
#include <functional>

#include "ceymail/collect/collector.hpp"

namespace ceymail::collect {

struct AccountCounts {
    std::uint64_t domains = 0;
    std::uint64_t mailboxes = 0;
    std::uint64_t aliases = 0;
};

// Counts the rows, all three at one moment, by the deadline. Its failures are the collector's.
using CountAccounts = std::function<util::Result<AccountCounts>(util::BootTime deadline)>;

// The database is a room that this one does not know: whoever makes the collector hands the counting in.
class AccountsCollector final : public Collector {
public:
    explicit AccountsCollector(CountAccounts count, std::function<void()> prepare = {})
        : m_count(std::move(count)), m_prepare(std::move(prepare)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "accounts"; }
    [[nodiscard]] bool depends_on_database() const noexcept override { return true; }
    void prepare() override {
        if (m_prepare) m_prepare();
    }
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

    // The database server's: as long as it took to count, or to give the counting up. A server that did not answer, or
    // only waited for a lock, is not known to have worked, and must be asked again soon.
    [[nodiscard]] std::chrono::nanoseconds extra_cpu_time() const noexcept override { return m_work_elsewhere; }

private:
    CountAccounts m_count;
    std::function<void()> m_prepare;
    std::chrono::nanoseconds m_work_elsewhere{};
};

}  // namespace ceymail::collect
