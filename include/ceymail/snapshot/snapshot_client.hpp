// SPDX-License-Identifier: MIT
// SnapshotClient: gets the snapshot for a worker, from the buffer or through a request to the gatherer.
#pragma once

#include <filesystem>
#include <string>

#include "ceymail/snapshot/snapshot_buffer.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::snapshot {

// Keeps no connection between requests. Threads: one. Processes: workers.
class SnapshotClient {
public:
    // `socket`: gatherer_socket_path(). Requires: `buffer` outlives the client.
    SnapshotClient(const SnapshotBuffer& buffer, std::filesystem::path socket);

    // Copies to `text`, whose capacity is kept, a finished snapshot that is not older than `not_before`. If the buffer
    // has one, this makes no system call. Otherwise, and always in an outage, it requests one from the gatherer. At
    // `deadline` it takes what there is, unless a value in it is older than the maximum age.
    // Returns: when the snapshot was taken; BootTime{} and an empty text if there is none.
    // A gatherer that hangs costs the time until the deadline. If it dies, the request is sent again to the next one.
    // If no gatherer listens on the socket, this returns at once.
    [[nodiscard]] util::BootTime fetch(std::string& text, util::BootTime not_before, util::BootTime deadline,
                                       RefreshReason reason = RefreshReason::scrape);

private:
    void request(util::BootTime not_before, util::BootTime deadline, RefreshReason reason) const;

    const SnapshotBuffer* m_buffer;
    std::filesystem::path m_socket;
};

}  // namespace ceymail::snapshot
