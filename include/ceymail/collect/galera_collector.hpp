// SPDX-License-Identifier: MIT
// GaleraCollector: the state of this host's MariaDB as a node of a Galera cluster. No metric where it is none.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ceymail/collect/collector.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::collect {

struct GaleraState {
    bool ready = false;
    bool primary = false;
    std::uint64_t state = 0;
    std::uint64_t cluster_size = 0;
    std::string cluster;  // the same on all nodes of a cluster; empty: not known
};

// Reads the state by the deadline. No value: this MariaDB is no node. Errors: passed on by collect().
using ReadGaleraState = std::function<util::Result<std::optional<GaleraState>>(util::BootTime deadline)>;

// A MariaDB that is no node is asked again after this time.
inline constexpr std::chrono::minutes k_until_node_is_looked_for{1};

// This room does not depend on the database: the caller passes the function that reads.
class GaleraCollector final : public Collector {
public:
    explicit GaleraCollector(ReadGaleraState read, util::ClockFunction clock = util::BootClock::now)
        : m_read(std::move(read)), m_clock(clock) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "galera"; }
    [[nodiscard]] bool depends_on_database() const noexcept override { return true; }

    // Errors: only while the last answer came from a node. A host without a cluster does not report that its MariaDB
    // is down a second time; it waits at most 1 s for it.
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

private:
    ReadGaleraState m_read;
    util::ClockFunction m_clock;
    bool m_is_node = false;
    util::BootTime m_next_look{};  // while it is no node
};

}  // namespace ceymail::collect
