// SPDX-License-Identifier: MIT
// The style sheet and the script of the page, compiled into the program.
#pragma once

#include <string_view>

namespace ceymail::page {

extern const std::string_view k_style;
extern const std::string_view k_script;

}  // namespace ceymail::page
