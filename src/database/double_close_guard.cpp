// SPDX-License-Identifier: MIT
#include "ceymail/database/double_close_guard.hpp"

#include <cerrno>

#include <sys/syscall.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
extern "C" int __interceptor_close(int fd);  // tells ThreadSanitizer that the number is free
#endif

namespace {

constexpr int k_off = -2;   // no guard in this thread
constexpr int k_none = -1;  // the guard has seen no close yet

thread_local int last_closed = k_off;

int close_now(int fd) {
#ifdef __SANITIZE_THREAD__
    return __interceptor_close(fd);
#else
    return static_cast<int>(::syscall(SYS_close, fd));
#endif
}

}  // namespace

// Replaces libc's function, also for the libraries. Connector/C accepts no socket that the caller made, so there is no
// other way.
extern "C" int close(int fd) {
    if (last_closed != k_off) {
        if (fd == last_closed) {
            errno = EBADF;
            return -1;
        }
        last_closed = fd;
    }
    return close_now(fd);
}

namespace ceymail::database {

DoubleCloseGuard::DoubleCloseGuard() noexcept { last_closed = k_none; }
DoubleCloseGuard::~DoubleCloseGuard() { last_closed = k_off; }

}  // namespace ceymail::database
