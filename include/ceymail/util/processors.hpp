// SPDX-License-Identifier: MIT
// How many processors the kernel can have.
#pragma once

namespace ceymail::util {

// Returns: an upper bound for what /proc/stat adds up: at least the number of processors that this kernel can ever
// have, and less than twice that, or 64. Unlike sysconf(3), it does not depend on a cpuset, container or sandbox.
[[nodiscard]] unsigned possible_processors() noexcept;

}  // namespace ceymail::util
