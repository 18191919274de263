// SPDX-License-Identifier: MIT
// The secret with which the dashboard signs its session cookies.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

// Returns: the secret in the line SESSION_SECRET=... of a file of environment variables, without its quotes. The lines
// for other variables are ignored.
// Errors: not_found: there is no such line; invalid: there are two, or the value is not 32 to 256 printable characters
// without blank, quote, '#', '$' and '\', which the dashboard's reader of the file changes. The message begins with
// `file_name`, has the remedy and never the value.
[[nodiscard]] util::Result<util::Secret> parse_session_secret(std::string_view text, const std::string& file_name);

// Returns: the secret in `file`.
// Errors: those of parse_session_secret() and of read_file(), with the remedy. Units: at most 64 KiB are read.
[[nodiscard]] util::Result<util::Secret> read_session_secret(const std::filesystem::path& file);

}  // namespace ceymail::admission
