// SPDX-License-Identifier: MIT
// Session: a connected MYSQL handle. Calls Connector/C with a deadline. Internal to the room.
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

// For messages.
[[nodiscard]] std::string where_is(const Address& address);

// Connector/C runs each non-blocking call as a coroutine with its own stack, which returns the events it waits for.
// When the deadline passes, the socket is shut down and the coroutine is resumed with a time-out. It then returns an
// error. Leaving it in any other way would leak memory.
// Threads: one.
class Session {
public:
    [[nodiscard]] static util::Result<std::unique_ptr<Session>> open(const Address& address, util::BootTime deadline);
    explicit Session(std::string where);
    ~Session();
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    [[nodiscard]] MYSQL* handle() const noexcept { return m_mysql; }

    // False after the deadline passed within a call, or after the server ended the session. Then only destroy it.
    [[nodiscard]] bool usable() const noexcept { return m_usable; }

    // Calls mysql_X_start and mysql_X_cont with the arguments of mysql_X.
    // Returns: the value of mysql_X.
    template <class Returned, class Handle, class... Parameters, class... Arguments>
    Returned call(int (*start)(Returned*, Handle*, Parameters...), int (*resume)(Returned*, Handle*, int),
                  util::BootTime deadline, Handle* handle, Arguments... arguments) {
        Returned returned{};
        int awaited = start(&returned, handle, arguments...);
        while (awaited != 0) awaited = resume(&returned, handle, await(awaited, deadline));
        return returned;
    }

    // Returns: the error of the last call, which was one of `statement`; nullptr: of the session.
    [[nodiscard]] std::unexpected<util::Error> failure(std::string_view doing, MYSQL_STMT* statement = nullptr);

    // Call it before call(): a deadline that has passed already must not end a usable session.
    // Errors: timed_out.
    [[nodiscard]] util::Result<void> check_deadline(std::string_view doing, util::BootTime deadline) const;

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
