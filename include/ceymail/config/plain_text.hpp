// SPDX-License-Identifier: MIT
// Refuses characters in a configuration file that an editor does not show.
#pragma once

#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"

namespace ceymail::config {

// Returns: `text` without a UTF-8 byte-order mark at its start.
// Errors: invalid: UTF-16; outside comments also control characters, other whitespace than space and tab, and
// characters of zero width. The message has `file_name`, the line and the character. CR LF ends a line.
[[nodiscard]] util::Result<std::string> plain_text(std::string_view text, const std::string& file_name);

}  // namespace ceymail::config
