// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/cgi.hpp"

#include <sysexits.h>

#include "ceymail/endpoint/endpoint.hpp"
#include "ceymail/process/exit_code.hpp"
#include "ceymail/process/privileges.hpp"
#include "ceymail/process/signals.hpp"
#include "ceymail/process/sources.hpp"
#include "ceymail/snapshot/gathering.hpp"
#include "modes.hpp"

namespace ceymail::responder {

namespace {

// Gathered only when a request has passed the gate.
endpoint::SnapshotSource gathered_on_demand(const config::Configuration& configuration) {
    return [&configuration](std::string& text, util::BootTime, util::BootTime deadline, snapshot::Occasion) {
        const auto taken_at = util::BootClock::now();
        text = snapshot::Gathering(process::make_collectors(configuration)).gather(deadline);
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
    endpoint::Endpoint endpoint(configuration, *segment, gathered_on_demand(configuration),
                                process::token_reader(configuration));
    const bool written = fastcgi::write_cgi(endpoint.answer(request));
    fastcgi::discard_request_body();
    endpoint.settle();
    return written ? EX_OK : EX_IOERR;
}

}  // namespace ceymail::responder
