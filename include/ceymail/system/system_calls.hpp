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

// Makes all system calls fail with EPERM but those of the log reader: to read and look at open files, to exchange
// messages on an open socket, to wait, to write to the log, to allocate memory that is not executable, and to end. It
// opens, maps, connects, executes and signals nothing. Permanent, as above; Errors and Requires: as above.
// Security: newfstatat(2) is among them, because fstat(3) of some C libraries needs it: it tells size and times of
// files by name.
[[nodiscard]] util::Result<void> allow_calls_of_log_reader();

// Forbids what forbid_remapping() does, and to make sockets and connect them, to execute, to fork, to make threads, to
// send signals to other processes and to read their memory. Permanent, as above; Errors and Requires: as above.
// A list of what is forbidden, not of what is allowed: libsystemd's calls differ between its versions.
[[nodiscard]] util::Result<void> forbid_calls_of_journal_reader();

}  // namespace ceymail::system
