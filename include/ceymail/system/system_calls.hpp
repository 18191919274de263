// SPDX-License-Identifier: MIT
// System calls that a role gives up. seccomp(2).
#pragma once

#include "ceymail/util/result.hpp"

namespace ceymail::system {

// For this thread, those that it starts and all their children, for good: truncate(2), ftruncate(2), mremap(2),
// remap_file_pages(2) and every call of another architecture answer EPERM. So no process can cut a file short that
// others have mapped, which Landlock forbids from Linux 6.2 on only, nor map what MappedMemory::keep_only() unmapped.
// realloc(3) does without mremap.
// Requires no_new_privs.
// Errors: unavailable: the kernel has no seccomp, or this program does not know its architecture.
[[nodiscard]] util::Result<void> forbid_remapping();

}  // namespace ceymail::system
