// SPDX-License-Identifier: MIT
// SnapshotClient: how a worker gets the exposition of the host.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "ceymail/snapshot/board.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::snapshot {

// One per worker, one thread. Keeps no connection between requests.
class SnapshotClient {
public:
    // `socket`: the gatherer's listening socket's path. Both outlive the client.
    SnapshotClient(const Board& board, std::filesystem::path socket);

    // Puts into `text` the snapshot that is not older than `not_before`; asks the gatherer for one where the board
    // has only older ones; by `deadline` at the latest takes what there is. Returns when it was taken, BootTime{}
    // (and an empty text) where there has never been one.
    [[nodiscard]] util::BootTime fetch(std::string& text, util::BootTime not_before, util::BootTime deadline);

private:
    const Board* m_board;
    std::filesystem::path m_socket;
};

}  // namespace ceymail::snapshot
