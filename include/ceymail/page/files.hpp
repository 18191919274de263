// SPDX-License-Identifier: MIT
// The page's style sheet and script, which are part of the program.
#pragma once

#include <string_view>

namespace ceymail::page {

extern const std::string_view k_style;
extern const std::string_view k_script;

}  // namespace ceymail::page
