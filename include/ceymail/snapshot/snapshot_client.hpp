// SPDX-License-Identifier: MIT
// SnapshotClient: how a worker gets the exposition of the host.
#pragma once

#include <filesystem>
#include <string>

#include "ceymail/snapshot/snapshot_buffer.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::snapshot {

// One per worker, one thread. Keeps no connection between requests.
class SnapshotClient {
public:
    // `socket`: the gatherer's listening socket's path. `board` outlives the client.
    SnapshotClient(const SnapshotBuffer& buffer, std::filesystem::path socket);

    // Puts into `text` (its capacity is kept) the snapshot that is not older than `not_before`; asks the gatherer for
    // one where the board has only older or unfinished ones; by `deadline` at the latest takes what there is, unless
    // something in it has passed the maximum age. Returns when it was taken, BootTime{} (and an empty text) where there
    // is none. With a fresh snapshot on the board that is a copy out of shared memory, without a system call. A
    // gatherer that hangs costs the time until the deadline; one that dies is asked again once it is back; one that
    // never was (no socket, or nobody listening on it) costs nothing. In an outage the board is never enough: the
    // gatherer is asked.
    [[nodiscard]] util::BootTime fetch(std::string& text, util::BootTime not_before, util::BootTime deadline,
                                       RefreshReason reason = RefreshReason::scrape);

private:
    void request(util::BootTime not_before, util::BootTime deadline, RefreshReason reason) const;

    const SnapshotBuffer* m_buffer;
    std::filesystem::path m_socket;
};

}  // namespace ceymail::snapshot
