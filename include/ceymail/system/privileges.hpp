// SPDX-License-Identifier: MIT
// The user of a process, its capabilities and its dumpability. Source: capabilities(7), prctl(2).
#pragma once

#include <string>

#include "ceymail/util/result.hpp"

namespace ceymail::system {

enum class Capability { none, dac_read_search };

// As root: changes to `user` and its groups. As any user: drops all capabilities except `kept`, permanently
// (no_new_privs). If the process is not root, `user` is ignored.
// Errors: not_found: no such user; denied: the kernel refuses.
// `key`: that names the user, for the message.
[[nodiscard]] util::Result<void> become(const std::string& user, Capability kept, const std::string& key = "user");

// Returns: whether CAP_DAC_READ_SEARCH is effective.
[[nodiscard]] bool has_dac_read_search() noexcept;

// Forbids core files and ptrace(2) by the same user. /proc/self then belongs to root. PR_SET_DUMPABLE, RLIMIT_CORE.
void forbid_dumps() noexcept;

}  // namespace ceymail::system
