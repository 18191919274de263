// SPDX-License-Identifier: MIT
// The command line of ceymail-metrics. ceymail-metrics(8).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::responder {

enum class Mode { serve, once, check, help, version };

struct Options {
    Mode mode = Mode::serve;
    std::optional<std::filesystem::path> config;
    std::optional<std::string> listen;
    std::optional<std::string> user;
    std::optional<std::string> url;                   // for --check
    std::optional<std::filesystem::path> token_file;  // for --check
};

// Errors: invalid: an unknown option, a missing value, an operand, two modes, --url or --token-file without
// --check.
[[nodiscard]] util::Result<Options> parse_options(int argc, const char* const* argv);

extern const char* const k_help;

}  // namespace ceymail::responder
