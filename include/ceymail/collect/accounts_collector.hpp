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

// Counts the rows, all three in one snapshot, by the deadline. Errors: passed on by collect().
using CountAccounts = std::function<util::Result<AccountCounts>(util::BootTime deadline)>;

// This room does not depend on the database: the caller passes the function that counts.
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

    // Returns: the duration of the count, as an estimate of the database server's CPU time. 0 if the server did not
    // answer or waited for a lock, so that the next try is soon.
    [[nodiscard]] std::chrono::nanoseconds extra_cpu_time() const noexcept override { return m_server_time; }

private:
    CountAccounts m_count;
    std::function<void()> m_prepare;
    std::chrono::nanoseconds m_server_time{};
};

}  // namespace ceymail::collect
