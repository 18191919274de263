// SPDX-License-Identifier: MIT
// Preloaded into a program under test (LD_PRELOAD): turns CLOCK_BOOTTIME forward by as many seconds as the file says
// that CEYMAIL_TURNED_CLOCK names. Read each time, so that the hands can be turned while the program runs.
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
    const long result = syscall(SYS_clock_gettime, clock, now);
    const char* const file = std::getenv("CEYMAIL_TURNED_CLOCK");
    if (result != 0 || clock != CLOCK_BOOTTIME || file == nullptr) return static_cast<int>(result);
    time_t seconds = 0;
    std::ifstream(file) >> seconds;
    now->tv_sec += seconds;
    return 0;
}
