// SPDX-License-Identifier: MIT
// Idle and total time of all processors, from /proc/stat.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>

#include "ceymail/collect/collector.hpp"
#include "ceymail/util/kept_record.hpp"

namespace ceymail::collect {

inline constexpr unsigned k_user_hz = 100;  // jiffies in a second in /proc; time(7)

// user, nice, system, idle + iowait, irq, softirq, steal: the sums over all processors, in USER_HZ.
// idle and iowait are one field because iowait alone can decrease, proc(5): the kernel moves an idle period from one to
// the other when a task that waited for I/O wakes on another processor.
using CpuTimes = std::array<std::uint64_t, 7>;
inline constexpr std::size_t k_cpu_idle = 3;

struct CpuJiffies {
    std::uint64_t idle = 0;
    std::uint64_t total = 0;  // of all fields

    bool operator==(const CpuJiffies&) const = default;
};

// Requires: the sum is below 2^64, as parse_cpu() ensures.
[[nodiscard]] CpuJiffies sum_of(const CpuTimes& times) noexcept;

// Parses the first `cpu` line that is not all zeros, else the first: LXC sometimes writes two. Missing columns count as
// 0: kernels before 2.6.11 write four to seven. guest and guest_nice are not added: user and nice include them.
// Requires: the last line is complete. Its line feed may be missing.
// Errors: invalid: no such line, fewer than four columns, a column that is no number, or a sum above 2^64-1.
// Source: proc(5).
[[nodiscard]] util::Result<CpuTimes> parse_cpu(std::string_view proc_stat);

// The counters of a host between two readings.
struct CpuState {
    CpuTimes last{};   // what the next reading is compared with
    CpuJiffies sum{};  // what is served; never steps back

    bool operator==(const CpuState&) const = default;
};

// Returns: `state` plus the increments of `now`; without a state, `now` itself. A field that decreased adds nothing:
//   - by 3 s or less: the kernel reported too much or too little. The next increment is from the higher value.
//   - by more: processors went offline, or a container was restarted. The next increments of all fields are from `now`.
// A total increment above twice what `processors` can do in `elapsed` plus one second adds nothing. The next increments
// are then from `now`. A reading from before `state` (`elapsed` below 0) changes nothing.
[[nodiscard]] CpuState advance(const std::optional<CpuState>& state, const CpuTimes& now,
                               std::chrono::nanoseconds elapsed, unsigned processors) noexcept;

// Converts a reading, taken at the given time, to the values that are served.
using CpuTally = std::function<util::Result<CpuJiffies>(const CpuTimes&, util::BootTime)>;

// For --once: serves the reading unchanged.
[[nodiscard]] CpuTally untallied();

// Keeps the state in `record`, so that it survives this process and the service. It stores a state before it returns
// it, so the next process never serves less.
// Requires: `record` outlives the result. Threads: as KeptRecord.
[[nodiscard]] CpuTally tallied_in(util::KeptRecord& record);

// Returns: ceymail_cpu_idle_jiffies, ceymail_cpu_total_jiffies. `now`: the time of the reading.
[[nodiscard]] util::Result<Families> cpu_families(const std::filesystem::path& proc, const CpuTally& tally,
                                                  util::BootTime now);

}  // namespace ceymail::collect
