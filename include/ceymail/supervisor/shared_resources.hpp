// SPDX-License-Identifier: MIT
// SharedResources: what all roles share. Made before the first fork, so that each child finds it in its memory.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/snapshot/snapshot_buffer.hpp"
#include "ceymail/supervisor/worker_heartbeats.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

struct SharedResources {
    const config::Configuration& configuration;
    util::Fd instance_lock;  // the supervisor's, instance_lock.hpp
    util::Fd listener;
    util::Fd gatherer_listener;
    util::Fd report_listener;  // may be none
    util::Fd forget_listener;  // may be none; the supervisor's
    util::Fd signals;          // SIGTERM, SIGINT, SIGHUP, SIGCHLD: the supervisor's
    shared::Segment segment;
    snapshot::SnapshotBuffer buffer;
    WorkerHeartbeats heartbeats;
};

// Becomes configuration.user on the way, where it is root. The listener moves away from descriptor 0, whose place
// /dev/null takes. Fails as its parts do.
[[nodiscard]] util::Result<SharedResources> open_shared_resources(const config::Configuration& configuration,
                                                                  util::Fd listener);

}  // namespace ceymail::supervisor
