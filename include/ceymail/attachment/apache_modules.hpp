// SPDX-License-Identifier: MIT
// The modules of Apache that the shipped files need, by a2enmod(8).
#pragma once

#include <string>
#include <vector>

#include "ceymail/attachment/failure.hpp"
#include "ceymail/attachment/host.hpp"

namespace ceymail::attachment {

// Returns: those of host.needed_modules, and with `settings` of host.settings_modules, that are not enabled.
[[nodiscard]] std::vector<std::string> missing_modules(const Host& host, bool settings);

// Enables them. Returns: all that are newly enabled, also those on which they depend.
// Errors: EX_CONFIG; what was enabled is disabled again.
[[nodiscard]] Outcome<std::vector<std::string>> enable_modules(const Host& host, const std::vector<std::string>& names);

// Disables them again, in reverse order. Errors are logged.
void disable_modules(const Host& host, const std::vector<std::string>& names);

}  // namespace ceymail::attachment
