// SPDX-License-Identifier: MIT
// Characters of a configuration file that an editor does not show, and that would make an error message unreadable.
#pragma once

#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"

namespace ceymail::config {

// Returns: `text` without a UTF-8 byte-order mark at its start.
// Errors: invalid for UTF-16, and, outside comments, for control characters, for blanks other than space and tab, and
// for characters without a width. The message names `file_name`, the line and the character. CR LF ends a line.
[[nodiscard]] util::Result<std::string> plain_text(std::string_view text, const std::string& file_name);

}  // namespace ceymail::config
