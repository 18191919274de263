// SPDX-License-Identifier: MIT
// CpuCollector: the time that all processors spent idle and in all, from /proc/stat.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "ceymail/collect/collector.hpp"

namespace ceymail::collect {

// In USER_HZ, 1/100 s on Linux, since boot, summed over all processors.
struct CpuJiffies {
    std::uint64_t idle = 0;   // idle + iowait
    std::uint64_t total = 0;  // user + nice + system + idle + iowait + irq + softirq + steal

    bool operator==(const CpuJiffies&) const = default;
};

// Parses the `cpu` line, proc(5). guest and guest_nice are not added: the kernel has them inside user and nice.
// Kernels before 2.6.11 write four to seven columns: those that are missing count as 0.
// Fails with ErrorKind::invalid where the line is missing, has fewer than four columns, a column that is no
// number, or a sum beyond 2^64-1.
[[nodiscard]] util::Result<CpuJiffies> parse_cpu(std::string_view proc_stat);

// ceymail_cpu_idle_jiffies, ceymail_cpu_total_jiffies. Neither steps back while the collector lives: the kernel's
// iowait may, proc(5), and a counter that does looks like a reboot to Prometheus.
// BUGS: the highest values are forgotten with the gatherer's process. Where that dies while the kernel's iowait is
// stepping back, Prometheus sees a reboot that was none: one wrong stretch in the CPU's graph, as long as the rate's
// window. To keep them in shared memory for that is not worth their place there.
class CpuCollector : public Collector {
public:
    explicit CpuCollector(const std::filesystem::path& proc);

    [[nodiscard]] std::string_view name() const noexcept override { return "cpu"; }
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

private:
    std::filesystem::path m_stat;
    CpuJiffies m_highest;
};

}  // namespace ceymail::collect
