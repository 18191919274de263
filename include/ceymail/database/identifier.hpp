// SPDX-License-Identifier: MIT
// Quotes names of schemas, tables and accounts for SQL, where parameters are not allowed.
#pragma once

#include <string>
#include <string_view>

namespace ceymail::database {

// Returns: `name` in backquotes. A backquote in it is doubled.
[[nodiscard]] std::string quote_name(std::string_view name);

// Returns: `text` in single quotes. A quote or a backslash in it is doubled. For account names and passwords in DDL.
// Requires: a session of this room, whose sql_mode is known.
[[nodiscard]] std::string quote_text(std::string_view text);

}  // namespace ceymail::database
