// SPDX-License-Identifier: MIT
#include "ceymail/collect/cpu.hpp"

#include <algorithm>

#include "ceymail/collect/fields.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/processors.hpp"

namespace ceymail::collect {
namespace {

constexpr std::string_view k_label = "cpu ";  // with the space: cpu0 is one processor

// The needed line is the first. The rest is one line a processor and thousands of interrupts: 1.1 MB with 8192
// processors. This is enough for the second `cpu` line of a small container too.
constexpr std::size_t k_start_of_stat = 16 * 1024;

constexpr std::uint64_t k_max_jitter = 3 * k_user_hz;

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

std::optional<std::uint64_t> total_of(const auto& times) noexcept {
    std::uint64_t total = 0;
    for (const std::uint64_t time : times)
        if (__builtin_add_overflow(total, time, &total)) return std::nullopt;
    return total;
}

util::Result<CpuTimes> parse_line(std::string_view line) {
    CEYMAIL_TRY_ASSIGN(const auto c, parse_columns(line.substr(k_label.size())));
    if (!total_of(c)) return malformed("adds up beyond 2^64-1");
    return CpuTimes{c[k_user], c[k_nice], c[k_system], c[k_idle] + c[k_iowait], c[k_irq], c[k_softirq], c[k_steal]};
}

bool decreased_far(const CpuTimes& last, const CpuTimes& now) noexcept {
    const auto by_jitter_at_most = [](auto before, auto after) {
        return before <= after || before - after <= k_max_jitter;
    };
    return !std::ranges::equal(last, now, by_jitter_at_most);
}

bool is_possible(std::uint64_t jiffies, std::chrono::nanoseconds elapsed, unsigned processors) noexcept {
    const auto seconds = static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(elapsed).count()) + 1;
    return jiffies / k_user_hz / processors <= 2 * seconds;
}

util::KeptRecord::Words record_words(const CpuState& state) noexcept {
    util::KeptRecord::Words words{};
    auto* const rest = std::ranges::copy(state.last, words.begin()).out;
    rest[0] = state.sum.idle;
    rest[1] = state.sum.total;
    return words;
}

CpuState state_of(const util::KeptRecord::Words& words) noexcept {
    CpuState state;
    std::copy_n(words.begin(), state.last.size(), state.last.begin());
    state.sum = {words[state.last.size()], words[state.last.size() + 1]};
    return state;
}

// Returns: `start` without a line that the limit has cut off: its last number would be too small.
std::string_view whole_lines(std::string_view start) noexcept {
    return start.size() < k_start_of_stat ? start : start.substr(0, start.rfind('\n') + 1);
}

}  // namespace

CpuJiffies sum_of(const CpuTimes& times) noexcept { return {times[k_cpu_idle], total_of(times).value_or(0)}; }

util::Result<CpuTimes> parse_cpu(std::string_view proc_stat) {
    std::optional<CpuTimes> zeros;
    while (const auto line = find_line(proc_stat, k_label)) {
        auto times = parse_line(*line);
        if (!times || *times != CpuTimes{}) return times;
        zeros = *times;
        proc_stat.remove_prefix(static_cast<std::size_t>(line->end() - proc_stat.begin()));
    }
    if (!zeros) return malformed("is missing");
    return *zeros;
}

CpuState advance(const std::optional<CpuState>& state, const CpuTimes& now, std::chrono::nanoseconds elapsed,
                 unsigned processors) noexcept {
    if (!state) return {now, sum_of(now)};
    if (elapsed < elapsed.zero()) return *state;
    CpuTimes grown{};
    std::ranges::transform(now, state->last, grown.begin(),
                           [](auto after, auto before) { return after > before ? after - before : 0; });
    const auto total = total_of(grown);
    CpuState next{now, state->sum};
    if (!total || !is_possible(*total, elapsed, processors) ||
        __builtin_add_overflow(state->sum.total, *total, &next.sum.total))
        return {now, state->sum};
    next.sum.idle += grown[k_cpu_idle];
    if (!decreased_far(state->last, now))
        std::ranges::transform(now, state->last, next.last.begin(), [](auto a, auto b) { return std::max(a, b); });
    return next;
}

CpuTally untallied() {
    return [](const CpuTimes& now, util::BootTime) { return sum_of(now); };
}

CpuTally tallied_in(util::KeptRecord& record) {
    return [&record, processors = util::possible_processors()](const CpuTimes& now, util::BootTime at) {
        const auto kept = record.load();
        const auto before = kept ? std::optional(state_of(kept->words)) : std::nullopt;
        const auto state = advance(before, now, at - (kept ? kept->at : at), processors);
        if (state != before) record.store({record_words(state), at});
        return state.sum;
    };
}

util::Result<Families> cpu_families(const std::filesystem::path& proc, const CpuTally& tally, util::BootTime now) {
    CEYMAIL_TRY_ASSIGN(const auto start, util::read_start(proc / "stat", k_start_of_stat));
    CEYMAIL_TRY_ASSIGN(const auto times, parse_cpu(whole_lines(start)));
    CEYMAIL_TRY_ASSIGN(const auto jiffies, tally(times, now));

    using enum exposition::MetricType;
    return Families{
        single("ceymail_cpu_idle_jiffies", "Time all processors spent idle or waiting for I/O, in 1/100 s since boot.",
               counter, jiffies.idle),
        single("ceymail_cpu_total_jiffies", "Time of all processors in all states, in 1/100 s since boot.", counter,
               jiffies.total),
    };
}

}  // namespace ceymail::collect
