// SPDX-License-Identifier: MIT
// A mount namespace of this process: its mounts are not those of the machine, and end with it.
#pragma once

#include <sched.h>
#include <sys/mount.h>

namespace ceymail::testing {

// Returns: false without the right to, which is root's.
inline bool enter_mount_namespace() {
    return ::unshare(CLONE_NEWNS) == 0 && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}

}  // namespace ceymail::testing
