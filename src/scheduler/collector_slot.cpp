// SPDX-License-Identifier: MIT
#include "ceymail/scheduler/collector_slot.hpp"

#include <exception>
#include <new>
#include <utility>

#include "ceymail/exposition/text_format.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::scheduler {

namespace {

util::Result<std::string> collect_guarded(collect::Collector& collector, util::BootTime deadline,
                                          std::optional<util::Error>& shortfall) noexcept try {
    try {
        CEYMAIL_TRY_ASSIGN(const auto families, collector.collect(deadline));
        std::string text;
        for (const auto& family : families) exposition::append_family(text, family);
        shortfall = collector.shortfall();
        return text;
    } catch (const std::exception& error) {
        return util::fail(util::ErrorKind::internal, error.what());
    } catch (...) {
        return util::fail(util::ErrorKind::internal, "an exception of unknown type");
    }
} catch (const std::bad_alloc&) {
    return util::fail(util::ErrorKind::internal, "out of memory");  // short enough to need no allocation
}

std::string format_silence(std::chrono::nanoseconds silence) {
    return "no answer for " + std::to_string(std::chrono::ceil<std::chrono::milliseconds>(silence).count()) +
           " ms: what it asks hangs";
}

}  // namespace

void prepare_guarded(collect::Collector& collector) noexcept try { collector.prepare(); } catch (...) {
    // The first run reports the failure.
}

Run run_once(collect::Collector& collector, util::BootTime deadline) noexcept {
    const auto before = util::thread_cpu_time();
    std::optional<util::Error> shortfall;
    auto families = collect_guarded(collector, deadline, shortfall);
    return {std::move(families), std::move(shortfall), util::thread_cpu_time() - before + collector.extra_cpu_time()};
}

bool CollectorSlot::good(util::BootTime now, std::chrono::nanoseconds maximum_age) const {
    return run_state == RunState::current && result && now - asked_at <= maximum_age;
}

void CollectorSlot::record_result(Run run, util::BootTime now) {
    run_state = run_state == RunState::awaited ? RunState::current : RunState::outdated;
    duration = now - asked_at;
    result = std::move(run.families);
    shortfall = std::move(run.shortfall);
    suspect = now > deadline || (!result && duration > k_suspect_timeout);
    if (!result) return log_failure(result.error().message);
    if (shortfall) return log_failure(shortfall->message, "only what it could not read is absent");
    log_recovery();
}

void CollectorSlot::record_timeout(util::BootTime now) {
    run_state = RunState::overdue;
    suspect = true;
    log_failure(format_silence(now - asked_at));
}

void CollectorSlot::log_failure(std::string_view cause, std::string_view effect) noexcept {
    if (failing_since) return;
    failing_since = asked_at;
    util::log(util::LogLevel::warning, {"collector ", collector->name(), ": ", cause, "; ", effect});
}

void CollectorSlot::log_recovery() noexcept {
    if (!std::exchange(failing_since, std::nullopt)) return;
    util::log(util::LogLevel::notice, {"collector ", collector->name(), ": succeeds again"});
}

snapshot::CollectorState CollectorSlot::state(util::BootTime now, std::chrono::nanoseconds maximum_age) const {
    const auto seconds_since = [now](util::BootTime time) {
        return static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(now - time).count());
    };
    const std::string name(collector->name());
    if (failing_since)
        return {name, snapshot::Health::fails, seconds_since(*failing_since),
                !result                ? result.error().message
                : shortfall && !busy() ? shortfall->message
                                       : format_silence(now - asked_at)};
    if (good(now, maximum_age)) return {name, snapshot::Health::works, seconds_since(asked_at), {}};
    return {name, snapshot::Health::waits, 0, {}};
}

}  // namespace ceymail::scheduler
