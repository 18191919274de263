// SPDX-License-Identifier: MIT
// Preloaded into a program under test (LD_PRELOAD): turns CLOCK_BOOTTIME forward by as many seconds as the file says
// that CEYMAIL_TURNED_CLOCK names. Read each time, so that the hands can be turned while the program runs. Allocates
// nothing, so that failing-calls.so may be preloaded beside it.
#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
    const long result = syscall(SYS_clock_gettime, clock, now);
    const char* const file = std::getenv("CEYMAIL_TURNED_CLOCK");
    if (result != 0 || clock != CLOCK_BOOTTIME || file == nullptr) return static_cast<int>(result);
    const int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    char text[32] = "";
    const ssize_t size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size > 0) now->tv_sec += std::strtol(text, nullptr, 10);
    return 0;
}
