// SPDX-License-Identifier: MIT
#include <chrono>
#include <optional>
#include <string>

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

constexpr auto k_collect_timeout = 5s;
constexpr auto k_database_timeout = 1200ms;

std::string exposition(const config::Configuration& configuration) {
    const auto taken_at = BootClock::now();
    auto text =
        scheduler::CollectorScheduler(supervisor::make_collectors(configuration)).gather(taken_at + k_collect_timeout);
    // The counters of a running responder. The segment is not created if none has run.
    const auto segment = shared::Segment::open_existing(configuration.runtime_directory);
    const auto token = supervisor::token_reader(configuration).active(BootClock::now() + k_database_timeout);
    endpoint::append_self_metrics(text, {.snapshot_age = BootClock::now() - taken_at,
                                         .database_up = token.has_value(),
                                         .auth_stale = false,
                                         .token_created_at = token && *token ? (*token)->created_at : std::nullopt,
                                         .segment = segment ? &segment->layout() : nullptr});
    return text;
}

}  // namespace

// Root becomes the service's user, so that the output is what the service reads, with the same MariaDB account. If that
// user does not exist yet, root reads.
int once(const config::Configuration& configuration) {
    const auto done = system::become(configuration.user, system::Capability::dac_read_search);
    if (!done && done.error().kind != util::ErrorKind::not_found) return system::log_and_exit_code(done.error());
    if (!done) util::log(util::LogLevel::warning, done.error().message + "; reading as root this time");
    return system::print(exposition(configuration));
}

}  // namespace ceymail::responder
