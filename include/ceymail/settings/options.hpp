// SPDX-License-Identifier: MIT
// The command line of ceymail-settings. ceymail-settings(8).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::settings {

enum class Mode { serve, help, version };

struct Options {
    Mode mode = Mode::serve;
    std::optional<std::filesystem::path> config;
    std::optional<std::string> listen;
    std::optional<std::string> user;
};

// Errors: invalid: an unknown option, a missing value, an operand.
[[nodiscard]] util::Result<Options> parse_options(int argc, const char* const* argv);

extern const char* const k_help;

}  // namespace ceymail::settings
