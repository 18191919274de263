// SPDX-License-Identifier: MIT
// SharedResources: the descriptors and shared memory of all roles. Opened before the first fork(2) and inherited.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/snapshot/snapshot_buffer.hpp"
#include "ceymail/supervisor/mail_log_resources.hpp"
#include "ceymail/supervisor/worker_heartbeats.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

struct SharedResources {
    const config::Configuration& configuration;
    util::Fd instance_lock;  // supervisor only; instance_lock.hpp
    util::Fd listener;
    util::Fd gatherer_listener;
    util::Fd report_listener;  // empty: without the settings page
    util::Fd forget_listener;  // the same; supervisor only
    util::Fd signals;          // SIGTERM, SIGINT, SIGHUP, SIGCHLD; supervisor only
    shared::Segment segment;
    snapshot::SnapshotBuffer buffer;
    WorkerHeartbeats heartbeats;  // the last two slots are the log reader's and the journal reader's
    MailLogResources mail_log;    // empty: no log is read
};

// Also changes to configuration.user if the process is root, and puts /dev/null in the place of standard input, from
// which it moves the listener away.
// Errors: those of the functions that open the parts.
// Requires: a single thread. `configuration` outlives the result.
[[nodiscard]] util::Result<SharedResources> open_shared_resources(const config::Configuration& configuration,
                                                                  util::Fd listener);

}  // namespace ceymail::supervisor
