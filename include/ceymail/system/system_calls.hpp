// SPDX-License-Identifier: MIT
// System calls that a role does not need. Source: seccomp(2).
#pragma once

#include "ceymail/util/result.hpp"

namespace ceymail::system {

// Makes truncate(2), ftruncate(2), mremap(2), remap_file_pages(2) and all calls of other architectures fail with EPERM.
// It is permanent, for this thread, those that it starts, and all their children. realloc(3) works without mremap(2).
// Errors: unavailable: the kernel has no seccomp, or the architecture is not known here.
// Requires: no_new_privs.
// Security: no process can shorten a file that others have mapped (Landlock forbids it only from Linux 6.2 on), or map
// again what MappedMemory::keep_only() has unmapped.
[[nodiscard]] util::Result<void> forbid_remapping();

}  // namespace ceymail::system
