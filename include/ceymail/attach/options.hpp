// SPDX-License-Identifier: MIT
// The command line of ceymail-attach. ceymail-attach(8).
#pragma once

#include <filesystem>
#include <optional>

#include "ceymail/attachment/record.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::attach {

enum class Command { help, version, attach, remove, check, repair };

struct Options {
    Command command = Command::attach;
    attachment::Wish wish;
    bool dry_run = false;
    std::optional<std::filesystem::path> config;
};

// Errors: invalid: an unknown option, a missing value, options that do not go together, a value that cannot be.
[[nodiscard]] util::Result<Options> parse_options(int argc, const char* const* argv);

extern const char* const k_help;

}  // namespace ceymail::attach
