// SPDX-License-Identifier: MIT
// What a Connection is made of. Internal to the room.
#pragma once

#include <cstdint>
#include <memory>

#include "ceymail/database/session.hpp"

namespace ceymail::database {

struct Connection::State {
    Address address;
    std::unique_ptr<Session> session;
    std::uint64_t sessions_opened = 0;  // a statement prepared in an earlier one must be prepared anew

    // After a call that failed: lets go of a session that is of no use any more.
    void drop_if_ended() noexcept {
        if (session && !session->usable()) session.reset();
    }
};

}  // namespace ceymail::database
