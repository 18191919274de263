// SPDX-License-Identifier: MIT
#include "ceymail/util/processors.hpp"

#include <sched.h>

#include <array>
#include <cstdint>

namespace ceymail::util {

// The kernel returns EINVAL for a mask that is shorter than its own, sched_getaffinity(2).
unsigned possible_processors() noexcept {
    constexpr std::size_t k_most = 8192;  // NR_CPUS at most, on all architectures
    std::array<cpu_set_t, k_most / CPU_SETSIZE> mask;
    for (std::size_t bytes = sizeof(std::uint64_t); bytes < sizeof mask; bytes *= 2)
        if (sched_getaffinity(0, bytes, mask.data()) == 0) return static_cast<unsigned>(bytes * 8);
    return k_most;
}

}  // namespace ceymail::util
