// SPDX-License-Identifier: MIT
// Session: a connected MYSQL handle, and the one way to call Connector/C with a deadline. Internal to the room.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <mariadb/mysql.h>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

[[nodiscard]] std::string where_is(const Address& address);

// One thread. Connector/C runs each non-blocking call as a coroutine on a stack of its own, which hands out what it
// waits for. When the deadline has passed the socket is shut down and the coroutine told so: it then ends by itself
// with an error and nothing leaks, which no other way of leaving it does.
class Session {
public:
    [[nodiscard]] static util::Result<std::unique_ptr<Session>> open(const Address& address, util::BootTime deadline);
    explicit Session(std::string where);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] MYSQL* handle() const noexcept { return m_mysql; }

    // False once the deadline passed within a call or the server went away: then only the destructor is left.
    [[nodiscard]] bool usable() const noexcept { return m_usable; }

    // mysql_X_start and mysql_X_cont, with X's own arguments. Returns what X returns.
    template <class Returned, class Handle, class... Parameters, class... Arguments>
    Returned call(int (*start)(Returned*, Handle*, Parameters...), int (*resume)(Returned*, Handle*, int),
                  util::BootTime deadline, Handle* handle, Arguments... arguments) {
        Returned returned{};
        int awaited = start(&returned, handle, arguments...);
        while (awaited != 0) awaited = resume(&returned, handle, await(awaited, deadline));
        return returned;
    }

    // Why the last call failed. `statement`: whose call it was; nullptr: the session's.
    [[nodiscard]] std::unexpected<util::Error> failure(std::string_view doing, MYSQL_STMT* statement = nullptr);

    // Before a call: an error when there is no time left, so that a sound session is not cut off for nothing.
    [[nodiscard]] util::Result<void> in_time(std::string_view doing, util::BootTime deadline) const;

private:
    [[nodiscard]] int await(int awaited, util::BootTime deadline) noexcept;
    [[nodiscard]] util::Result<void> set_options(const Address& address, util::BootTime deadline);
    [[nodiscard]] util::Result<void> set_tls(const Address& address);
    [[nodiscard]] util::Result<void> connect(const Address& address, util::BootTime deadline);

    std::string m_where;
    MYSQL* m_mysql;
    bool m_usable = true;
    bool m_overdue = false;
};

}  // namespace ceymail::database
