// SPDX-License-Identifier: MIT
#include "ceymail/util/processors.hpp"

#include <sched.h>

#include <array>
#include <cstdint>
#include <optional>

namespace ceymail::util {

namespace {

// The nth of `allowed` after `here`, over the end to the first again.
std::optional<int> processor_after(int here, unsigned nth, const cpu_set_t& allowed) noexcept {
    for (int step = 1; step < CPU_SETSIZE; ++step) {
        const int processor = (here + step) % CPU_SETSIZE;
        if (CPU_ISSET(static_cast<std::size_t>(processor), &allowed) && --nth == 0) return processor;
    }
    return std::nullopt;
}

}  // namespace

void start_elsewhere(pthread_t thread, unsigned nth) noexcept {
    cpu_set_t allowed;
    const int here = sched_getcpu();
    if (here < 0 || sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
    const auto processor = processor_after(here, nth, allowed);
    if (!processor) return;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(*processor), &one);
    pthread_setaffinity_np(thread, sizeof one, &one);
    // Where it stands now it stays, until the kernel knows better. Of a thread that has ended glibc makes the caller
    // out of both calls, so that this one takes back what the other did.
    pthread_setaffinity_np(thread, sizeof allowed, &allowed);
}

// The kernel refuses (EINVAL) a mask that is shorter than its own, sched_setaffinity(2).
unsigned possible_processors() noexcept {
    constexpr std::size_t k_most = 8192;  // NR_CPUS at most, on all architectures
    std::array<cpu_set_t, k_most / CPU_SETSIZE> mask;
    for (std::size_t bytes = sizeof(std::uint64_t); bytes < sizeof mask; bytes *= 2)
        if (sched_getaffinity(0, bytes, mask.data()) == 0) return static_cast<unsigned>(bytes * 8);
    return k_most;
}

}  // namespace ceymail::util
