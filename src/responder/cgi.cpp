// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/cgi.hpp"

#include <sysexits.h>

#include "ceymail/collect/cpu.hpp"
#include "ceymail/endpoint/endpoint.hpp"
#include "ceymail/responder/modes.hpp"
#include "ceymail/scheduler/collector_scheduler.hpp"
#include "ceymail/supervisor/factories.hpp"
#include "ceymail/system/exit_code.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/system/signals.hpp"
#include "ceymail/util/robust_lock.hpp"

namespace ceymail::responder {

namespace {

// Several requests may be at it at once, each in a process of its own.
collect::CpuTally tallied_by_one_at_a_time(shared::GathererStorage& storage) {
    return [&storage, tally = collect::tallied_in(storage.cpu)](
               const collect::CpuTimes& now, util::BootTime at) -> util::Result<collect::CpuJiffies> {
        const util::RobustLock lock(storage.cgi_lock);
        if (lock) return tally(now, at);
        return util::fail(util::ErrorKind::timed_out,
                          "cannot add up the processor times: another process has had them locked for 100 ms; end the "
                          "one that is stopped");
    };
}

// Gathered only when a request has passed the gate.
endpoint::SnapshotSource gathered_on_demand(const config::Configuration& configuration, shared::Segment& segment) {
    return [&](std::string& text, util::BootTime, util::BootTime deadline, snapshot::RefreshReason) {
        const auto taken_at = util::BootClock::now();
        const auto cpu = tallied_by_one_at_a_time(segment.gatherer());
        text = scheduler::CollectorScheduler(supervisor::make_collectors(configuration, cpu)).gather(deadline);
        return taken_at;
    };
}

}  // namespace

int serve_cgi(const config::Configuration& configuration) {
    if (const auto done = system::become(configuration.user, system::Capability::dac_read_search); !done)
        return system::log_and_exit_code(done.error());
    system::forbid_dumps();
    system::ignore_broken_pipes();
    auto segment = shared::Segment::attach(configuration.runtime_directory);
    if (!segment) return system::log_and_exit_code(segment.error());
    const auto request = fastcgi::request_from_environment();
    endpoint::Endpoint endpoint(configuration, *segment, gathered_on_demand(configuration, *segment),
                                supervisor::token_reader(configuration));
    const bool written = fastcgi::write_cgi(endpoint.answer(request));
    fastcgi::discard_request_body();
    endpoint.record_last_used();
    return written ? EX_OK : EX_IOERR;
}

}  // namespace ceymail::responder
