// SPDX-License-Identifier: MIT
// CpuCollector: the time that all processors spent idle and in all, from /proc/stat.
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

inline constexpr unsigned k_user_hz = 100;  // jiffies in a second, as Linux gives them to programs; time(7)

// user, nice, system, idle + iowait, irq, softirq, steal of all processors together, in USER_HZ.
// idle and iowait are one field: the kernel takes the idle period under way from one to the other when a task that
// waited for I/O wakes elsewhere, and iowait alone steps back then, proc(5).
using CpuTimes = std::array<std::uint64_t, 7>;
inline constexpr std::size_t k_cpu_idle = 3;

struct CpuJiffies {
    std::uint64_t idle = 0;
    std::uint64_t total = 0;  // of all fields

    bool operator==(const CpuJiffies&) const = default;
};

// Requires that the sum is below 2^64, as of what parse_cpu() returns.
[[nodiscard]] CpuJiffies sum_of(const CpuTimes& times) noexcept;

// Parses the first `cpu` line that is not all zeros, else the first, proc(5): LXC has been seen to give two. The text
// may end anywhere; a line without its line feed counts only at the end of a file, so the caller cuts an unfinished one
// off. guest and guest_nice are not added: the kernel has them inside user and nice. Kernels before 2.6.11 write four
// to seven columns: those that are missing count as 0. Fails with ErrorKind::invalid where the line is missing, has
// fewer than four columns, a column that is no number, or a sum beyond 2^64-1.
[[nodiscard]] util::Result<CpuTimes> parse_cpu(std::string_view proc_stat);

// The counters of a host from reading to reading.
struct CpuState {
    CpuTimes last{};   // what the next reading is compared with
    CpuJiffies sum{};  // what is served; never steps back

    bool operator==(const CpuState&) const = default;
};

// Returns: `state` and what `now` adds to it. The first reading (no state) is served as it is. From then on each field
// adds its increment, and nothing where it fell:
//   - by 3 s or less: read once too high or too low, as the kernel may; counted again from where it was.
//   - by more: processors went offline, or a container was restarted; all fields are counted on from `now`.
// An increment of all fields that is more than twice what `processors` can do in `elapsed`, and a second, adds nothing
// and is counted on from as well. A reading from before `state` (`elapsed` below 0) changes nothing.
[[nodiscard]] CpuState advance(const std::optional<CpuState>& state, const CpuTimes& now,
                               std::chrono::nanoseconds elapsed, unsigned processors) noexcept;

// Makes of a reading, taken at the given time, what is served.
using CpuTally = std::function<util::Result<CpuJiffies>(const CpuTimes&, util::BootTime)>;

// For --once: the reading as it is.
[[nodiscard]] CpuTally untallied();

// Keeps the state in `record`, which outlives it, from reading to reading, over the end of this process and of the
// service. It is stored before it is served, so whoever comes next serves no less.
// Threads: as of KeptRecord.
[[nodiscard]] CpuTally tallied_in(util::KeptRecord& record);

// ceymail_cpu_idle_jiffies, ceymail_cpu_total_jiffies.
class CpuCollector : public Collector {
public:
    CpuCollector(const std::filesystem::path& proc, CpuTally tally, util::ClockFunction clock = util::BootClock::now);

    [[nodiscard]] std::string_view name() const noexcept override { return "cpu"; }
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

private:
    std::filesystem::path m_stat;
    CpuTally m_tally;
    util::ClockFunction m_clock;
};

}  // namespace ceymail::collect
