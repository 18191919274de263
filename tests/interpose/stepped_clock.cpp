// SPDX-License-Identifier: MIT
// Preloaded into a program under test (LD_PRELOAD): adds to CLOCK_REALTIME the nanoseconds that are, as 8 bytes, in the
// file that CEYMAIL_STEPPED_CLOCK names. The file is mapped when the program starts, so that a process which may open
// no files still sees each step. CLOCK_REALTIME_COARSE stays the kernel's: it is compared with stamps that the kernel
// made.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr long k_second = 1'000'000'000;

const std::atomic<std::int64_t>* map_step() {
    const char* const name = std::getenv("CEYMAIL_STEPPED_CLOCK");
    const int file = name == nullptr ? -1 : ::open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return nullptr;
    void* const mapped = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    return mapped == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(mapped);
}

const std::atomic<std::int64_t>* const g_step = map_step();

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
    const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
    if (result != 0 || clock != CLOCK_REALTIME || g_step == nullptr) return result;
    const auto step = g_step->load(std::memory_order_relaxed);
    now->tv_sec += step / k_second;
    now->tv_nsec += step % k_second;
    if (now->tv_nsec >= k_second) {
        ++now->tv_sec;
        now->tv_nsec -= k_second;
    } else if (now->tv_nsec < 0) {
        --now->tv_sec;
        now->tv_nsec += k_second;
    }
    return 0;
}

extern "C" time_t time(time_t* result) noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    if (result != nullptr) *result = now.tv_sec;
    return now.tv_sec;
}

extern "C" int gettimeofday(timeval* now, void*) noexcept {
    timespec exact{};
    ::clock_gettime(CLOCK_REALTIME, &exact);
    *now = {exact.tv_sec, exact.tv_nsec / 1000};
    return 0;
}
