// SPDX-License-Identifier: MIT
// The file in the state directory that keeps the newest token's creation time over a boot.
#pragma once

#include <filesystem>

#include "ceymail/admission/token_history.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

// STATE_DIRECTORY/service belongs to the service's user. STATE_DIRECTORY itself belongs to root, who keeps files of
// ceymail-token there.
[[nodiscard]] std::filesystem::path token_memory_file(const config::Configuration& configuration);

// Returns: an empty mark if there is no file.
// Errors: invalid: the file holds something else; else the kind of the errno.
[[nodiscard]] util::Result<admission::TokenMark> read_token_memory(const config::Configuration& configuration);

// Replaces the file by rename(2), so that a reader finds the old or the new one.
// Errors: not_found: there is no such directory; else the kind of the errno.
[[nodiscard]] util::Result<void> write_token_memory(const config::Configuration& configuration,
                                                    admission::TokenMark mark);

}  // namespace ceymail::supervisor
