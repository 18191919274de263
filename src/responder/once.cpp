// SPDX-License-Identifier: MIT
#include <chrono>
#include <cstdio>
#include <string>

#include <sysexits.h>

#include "ceymail/endpoint/self_metrics.hpp"
#include "ceymail/responder/modes.hpp"
#include "ceymail/scheduler/collector_scheduler.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/supervisor/factories.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::responder {

namespace {

using namespace std::chrono_literals;
using util::BootClock;

constexpr auto k_time_to_gather = 5s;
constexpr auto k_time_to_ask_database = 1200ms;

bool database_answers(const config::Configuration& configuration) {
    auto tokens = supervisor::token_reader(configuration);
    const auto asked = tokens.active(BootClock::now() + k_time_to_ask_database);
    return asked.has_value();
}

std::string exposition(const config::Configuration& configuration) {
    const auto taken_at = BootClock::now();
    auto text =
        scheduler::CollectorScheduler(supervisor::make_collectors(configuration)).gather(taken_at + k_time_to_gather);
    // Of a responder that runs, its counters; the segment is not made for one that does not.
    const auto segment = shared::Segment::open_existing(configuration.runtime_directory);
    endpoint::append_self_metrics(text, {.snapshot_age = BootClock::now() - taken_at,
                                         .database_up = database_answers(configuration),
                                         .auth_stale = false,
                                         .segment = segment ? &segment->layout() : nullptr});
    return text;
}

}  // namespace

// As root it becomes the service's user, so that it shows what the service sees, MariaDB's view of us included. Where
// that user is not made yet, what root sees is a beginning.
int once(const config::Configuration& configuration) {
    const auto done = system::become(configuration.user, system::Capability::dac_read_search);
    if (!done && done.error().kind != util::ErrorKind::not_found) return system::log_and_exit_code(done.error());
    if (!done) util::log(util::LogLevel::warning, done.error().message + "; reading as root this time");
    const auto text = exposition(configuration);
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    return std::fflush(stdout) == 0 && written ? EX_OK : EX_IOERR;
}

}  // namespace ceymail::responder
