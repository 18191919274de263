// SPDX-License-Identifier: MIT
// Names of schemas, tables and accounts inside SQL, which cannot be parameters.
#pragma once

#include <string>
#include <string_view>

namespace ceymail::database {

// `name` in backquotes, those within doubled.
[[nodiscard]] std::string quote_name(std::string_view name);

// 'text' in single quotes, quotes and backslashes within escaped: for account names and passwords in DDL only, and
// valid under sessions of ours, whose sql_mode is known.
[[nodiscard]] std::string quote_text(std::string_view text);

}  // namespace ceymail::database
