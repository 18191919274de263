// SPDX-License-Identifier: MIT
// What the numbers of MariaDB and of its client library mean to us, and what to do about them.
#pragma once

#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"

namespace ceymail::database {

// `where`: the server; `doing`: "reading the active token"; `words`: the server's or the library's. Words that may
// quote values of a statement (1062, 1064, 1366, ...) are left out. Kinds are as connection.hpp says.
[[nodiscard]] util::Error server_error(std::string_view where, std::string_view doing, unsigned code,
                                       std::string_view words);

[[nodiscard]] util::Error no_answer_in_time(std::string_view where, std::string_view doing);

// True for errors after which the session is of no use.
[[nodiscard]] bool ends_session(unsigned code) noexcept;

}  // namespace ceymail::database
