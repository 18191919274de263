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

// Takes a lock, because several CGI processes may update the tally at the same time.
collect::CpuTally locked_cpu_tally(shared::GathererStorage& storage) {
    return [&storage, tally = collect::tallied_in(storage.cpu)](
               const collect::CpuTimes& now, util::BootTime at) -> util::Result<collect::CpuJiffies> {
        const util::RobustLock lock(storage.cgi_lock);
        if (lock) return tally(now, at);
        return util::fail(util::ErrorKind::timed_out,
                          "cannot add up the processor times: another process has had them locked for 100 ms; end the "
                          "one that is stopped");
    };
}

// Collects only after the request was admitted.
endpoint::SnapshotSource collect_on_demand(const config::Configuration& configuration, shared::Segment& segment) {
    return [&](std::string& text, util::BootTime, util::BootTime deadline, snapshot::RefreshReason) {
        const auto taken_at = util::BootClock::now();
        const auto cpu = locked_cpu_tally(segment.gatherer());
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
    endpoint::Endpoint endpoint(configuration, *segment, collect_on_demand(configuration, *segment),
                                supervisor::token_reader(configuration));
    const bool written = fastcgi::write_cgi(endpoint.answer(request));
    fastcgi::discard_request_body();
    endpoint.record_last_used();
    return written ? EX_OK : EX_IOERR;
}

}  // namespace ceymail::responder
