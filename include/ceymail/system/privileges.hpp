// SPDX-License-Identifier: MIT
// Who a process is and what it may: users, capabilities, dumpability. capabilities(7), prctl(2).
#pragma once

#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::system {

enum class Capability { none, dac_read_search };

// As root: becomes `user` with its groups, keeping of its capabilities at most `kept`, for good (no new privileges).
// As anybody else: drops every capability but `kept`; `user` is then not looked at.
// not_found: no such user; denied: the kernel would not.
[[nodiscard]] util::Result<void> become(const std::string& user, Capability kept);

// True when this process may read what CAP_DAC_READ_SEARCH lets it.
[[nodiscard]] bool has_dac_read_search() noexcept;

// No core files, no ptrace by the same user, /proc/self belongs to root: PR_SET_DUMPABLE 0, RLIMIT_CORE 0.
void forbid_dumps() noexcept;

}  // namespace ceymail::system
