// SPDX-License-Identifier: MIT
// Maps error numbers of MariaDB and of its client library to kinds and remedies.
#pragma once

#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"

namespace ceymail::database {

// `where`: the server. `doing`: such as "reading the active token". `text`: the message of the server or the library.
// Returns: the error, with the kinds of connection.hpp.
// Security: omits a text that may quote values of a statement (1062, 1064, 1366, ...).
[[nodiscard]] util::Error server_error(std::string_view where, std::string_view doing, unsigned code,
                                       std::string_view text);

// For a table of CeyMail, which `ceymail-token init` does not make.
// Returns: `error`; if the table, its database or a column is missing, with `remedy` instead of server_error()'s.
[[nodiscard]] util::Error with_remedy_for_missing(util::Error error, std::string_view remedy);

[[nodiscard]] util::Error no_answer_in_time(std::string_view where, std::string_view doing);

// True for errors after which the session is unusable.
[[nodiscard]] bool ends_session(unsigned code) noexcept;

}  // namespace ceymail::database
