// SPDX-License-Identifier: MIT
// CpuCollector: the time that all processors spent idle and in all, from /proc/stat.
#include "ceymail/collect/cpu.hpp"

#include <algorithm>
#include <array>

#include "ceymail/collect/fields.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::collect {
namespace {

enum Column { k_user, k_nice, k_system, k_idle, k_iowait, k_irq, k_softirq, k_steal, k_columns };

using Columns = std::array<std::uint64_t, k_columns>;

std::unexpected<util::Error> malformed(std::string_view what) {
    return util::fail(util::ErrorKind::invalid,
                      "cannot read the processor times: the cpu line of stat " + std::string(what));
}

util::Result<Columns> parse_columns(std::string_view line) {
    Columns columns{};
    for (int i = 0; i < k_columns; ++i) {
        const std::string_view field = take_field(line);
        if (field.empty() && i > k_idle) break;
        if (field.empty()) return malformed("has fewer than four columns");
        const auto number = parse_unsigned(field);
        if (!number) return malformed("has a column that is no number");
        columns[static_cast<std::size_t>(i)] = *number;
    }
    return columns;
}

}  // namespace

util::Result<CpuJiffies> parse_cpu(std::string_view proc_stat) {
    constexpr std::string_view k_label = "cpu ";  // with the blank: cpu0 is one processor
    auto line = find_line(proc_stat, k_label);
    if (!line) return malformed("is missing");
    const auto columns = parse_columns(line->substr(k_label.size()));
    if (!columns) return std::unexpected(columns.error());

    CpuJiffies jiffies;
    for (const std::uint64_t column : *columns) {
        if (__builtin_add_overflow(jiffies.total, column, &jiffies.total)) return malformed("adds up beyond 2^64-1");
    }
    jiffies.idle = (*columns)[k_idle] + (*columns)[k_iowait];
    return jiffies;
}

CpuCollector::CpuCollector(const std::filesystem::path& proc) : m_stat(proc / "stat") {}

util::Result<Families> CpuCollector::collect(util::BootTime) {
    const auto text = util::read_file(m_stat);
    if (!text) return std::unexpected(text.error());
    const auto now = parse_cpu(*text);
    if (!now) return std::unexpected(now.error());

    m_highest.idle = std::max(m_highest.idle, now->idle);
    m_highest.total = std::max(m_highest.total, now->total);
    using enum exposition::MetricType;
    return Families{
        single("ceymail_cpu_idle_jiffies", "Time all processors spent idle or waiting for I/O, in 1/100 s since boot.",
               counter, m_highest.idle),
        single("ceymail_cpu_total_jiffies", "Time of all processors in all states, in 1/100 s since boot.", counter,
               m_highest.total),
    };
}

}  // namespace ceymail::collect
