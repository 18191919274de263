// SPDX-License-Identifier: MIT
#include "ceymail/snapshot/station.hpp"

#include <exception>
#include <utility>

#include "ceymail/exposition/text_format.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::snapshot {

namespace {

util::Result<std::string> words_of(util::Result<collect::Families> families) {
    if (!families) return std::unexpected(std::move(families.error()));
    std::string text;
    for (const auto& family : *families) exposition::append_family(text, family);
    return text;
}

util::Result<std::string> collect_guarded(collect::Collector& collector, util::BootTime deadline) noexcept try {
    return words_of(collector.collect(deadline));
} catch (const std::exception& error) {
    return util::fail(util::ErrorKind::internal, error.what());
} catch (...) {
    return util::fail(util::ErrorKind::internal, "an exception of unknown type");
}

}  // namespace

Run run_once(collect::Collector& collector, util::BootTime deadline) noexcept {
    const auto before = util::thread_cpu_time();
    auto families = collect_guarded(collector, deadline);
    return {std::move(families), util::thread_cpu_time() - before + collector.work_elsewhere()};
}

bool Station::good(util::BootTime now, std::chrono::nanoseconds maximum_age) const {
    return counts && result && now - asked_at <= maximum_age;
}

void Station::settle(util::Result<std::string> families, util::BootTime now) {
    counts = std::exchange(in_round, false);
    busy = false;
    duration = now - asked_at;
    result = std::move(families);
    suspect = now > deadline || (!result && duration > k_patience);
    if (result) {
        works();
    } else {
        fails(result.error().message);
    }
}

void Station::is_late(util::BootTime now) {
    in_round = false;
    suspect = true;
    fails("no answer for " + std::to_string(std::chrono::ceil<std::chrono::milliseconds>(now - asked_at).count()) +
          " ms: what it asks hangs");
}

void Station::fails(const std::string& why) {
    if (!std::exchange(failing, true))
        util::log(util::LogLevel::warning, label() + ": " + why + "; its metrics are absent until it succeeds");
}

void Station::works() {
    if (std::exchange(failing, false)) util::log(util::LogLevel::notice, label() + ": succeeds again");
}

std::string Station::label() const { return "collector " + std::string(collector->name()); }

}  // namespace ceymail::snapshot
