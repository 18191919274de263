// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/cgi.hpp"

#include <sysexits.h>

#include "ceymail/collect/cpu.hpp"
#include "ceymail/endpoint/endpoint.hpp"
#include "ceymail/gate/robust_lock.hpp"
#include "ceymail/process/exit_code.hpp"
#include "ceymail/process/privileges.hpp"
#include "ceymail/process/signals.hpp"
#include "ceymail/process/sources.hpp"
#include "ceymail/snapshot/gathering.hpp"
#include "modes.hpp"

namespace ceymail::responder {

namespace {

// Several requests may be at it at once, each in a process of its own.
collect::CpuTally tallied_by_one_at_a_time(gate::GathererStorage& storage) {
    return [&storage, tally = collect::tallied_in(storage.cpu)](
               const collect::CpuTimes& now, util::BootTime at) -> util::Result<collect::CpuJiffies> {
        const gate::RobustLock lock(storage.cgi_lock);
        if (lock) return tally(now, at);
        return util::fail(util::ErrorKind::timed_out,
                          "cannot add up the processor times: another process has had them locked for 100 ms; end the "
                          "one that is stopped");
    };
}

// Gathered only when a request has passed the gate.
endpoint::SnapshotSource gathered_on_demand(const config::Configuration& configuration, gate::Segment& segment) {
    return [&](std::string& text, util::BootTime, util::BootTime deadline, snapshot::Occasion) {
        const auto taken_at = util::BootClock::now();
        const auto cpu = tallied_by_one_at_a_time(segment.gatherer());
        text = snapshot::Gathering(process::make_collectors(configuration, cpu)).gather(deadline);
        return taken_at;
    };
}

}  // namespace

int serve_cgi(const config::Configuration& configuration) {
    if (const auto done = process::become(configuration.user, process::Capability::dac_read_search); !done)
        return process::give_up(done.error());
    process::forbid_dumps();
    process::ignore_broken_pipes();
    auto segment = gate::Segment::attach(configuration.runtime_directory);
    if (!segment) return process::give_up(segment.error());
    const auto request = fastcgi::request_from_environment();
    endpoint::Endpoint endpoint(configuration, *segment, gathered_on_demand(configuration, *segment),
                                process::token_reader(configuration));
    const bool written = fastcgi::write_cgi(endpoint.answer(request));
    fastcgi::discard_request_body();
    endpoint.settle();
    return written ? EX_OK : EX_IOERR;
}

}  // namespace ceymail::responder
