// SPDX-License-Identifier: MIT
// Preloaded into a program under test (LD_PRELOAD): stands before calls of the C library and makes them fail as
// support/failing_calls.hpp says; CEYMAIL_FAILING_CALLS_TRACE=1 tells from where each was called. A library of its own,
// since what defines malloc must not be linked into a test.
#include "support/failing_calls.hpp"

#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdlib>

// The C library's own names for what malloc(3) and its kin do, so that no dlsym(3), which allocates, is needed.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

using ceymail::testing::Call;
using ceymail::testing::FailingCallsControl;

FailingCallsControl* control = nullptr;  // until the constructor below has run nothing fails

template <class Function>
Function next(Function, const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

__attribute__((constructor)) void attach() {
    const char* path = std::getenv(ceymail::testing::k_failing_calls_variable);
    if (path == nullptr) return;
    const int file = next(&::open, "open")(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void* const memory =
        next(&::mmap, "mmap")(nullptr, sizeof(FailingCallsControl), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    if (memory != MAP_FAILED) control = static_cast<FailingCallsControl*>(memory);
}

// Once beforehand, since its first call allocates and loads a library.
const bool traced = std::getenv("CEYMAIL_FAILING_CALLS_TRACE") != nullptr && [] {
    void* frame = nullptr;
    return ::backtrace(&frame, 1) >= 0;
}();

// Where the failing call comes from, to standard error; addr2line(1) makes lines of it.
void trace() {
    void* frames[24];
    const int count = ::backtrace(frames, 24);
    ::backtrace_symbols_fd(frames, count, STDERR_FILENO);
    static_cast<void>(!::write(STDERR_FILENO, "--\n", 3));
}

// splitmix64: the numbers follow from the seed, though not which process gets which.
std::uint64_t next_number(std::atomic<std::uint64_t>& state) {
    std::uint64_t number = state.fetch_add(0x9E3779B97F4A7C15) + 0x9E3779B97F4A7C15;
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9;
    number = (number ^ number >> 27) * 0x94D049BB133111EB;
    return number ^ number >> 31;
}

bool fails(Call call, int with_errno) {
    if (control == nullptr || (control->calls & ceymail::testing::bit(call)) == 0) return false;
    ++control->made;
    const std::uint32_t one_in = control->one_in;
    const bool now = one_in != 0 ? next_number(control->chance) % one_in == 0 : control->countdown.fetch_sub(1) == 1;
    if (!now) return false;
    ++control->failed;
    if (traced) trace();
    errno = with_errno;
    return true;
}

mode_t mode_of(int flags, std::va_list rest) {
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? static_cast<mode_t>(va_arg(rest, int)) : 0;
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) { return fails(Call::memory, ENOMEM) ? nullptr : __libc_malloc(size); }
void* calloc(std::size_t count, std::size_t size) {
    return fails(Call::memory, ENOMEM) ? nullptr : __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
    return fails(Call::memory, ENOMEM) ? nullptr : __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return fails(Call::memory, ENOMEM) ? nullptr : __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
    if (fails(Call::memory, ENOMEM)) return ENOMEM;
    *memory = __libc_memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}

// NAME(path, flags, mode) and NAME64.
#define CEYMAIL_OPEN(name)                                               \
    int name(const char* path, int flags, ...) {                         \
        std::va_list rest;                                               \
        va_start(rest, flags);                                           \
        const mode_t mode = mode_of(flags, rest);                        \
        va_end(rest);                                                    \
        static const auto real = next(&::name, #name);                   \
        return fails(Call::open, EMFILE) ? -1 : real(path, flags, mode); \
    }
#define CEYMAIL_OPENAT(name)                                                        \
    int name(int directory, const char* path, int flags, ...) {                     \
        std::va_list rest;                                                          \
        va_start(rest, flags);                                                      \
        const mode_t mode = mode_of(flags, rest);                                   \
        va_end(rest);                                                               \
        static const auto real = next(&::name, #name);                              \
        return fails(Call::open, EMFILE) ? -1 : real(directory, path, flags, mode); \
    }
CEYMAIL_OPEN(open)
CEYMAIL_OPEN(open64)
CEYMAIL_OPENAT(openat)
CEYMAIL_OPENAT(openat64)
#undef CEYMAIL_OPEN
#undef CEYMAIL_OPENAT

// RESULT NAME(PARAMETERS): `failure` with `error`, or what the real one says of `arguments`.
#define CEYMAIL_CALL(result, name, parameters, arguments, call, error, failure) \
    result name parameters {                                                    \
        static const auto real = next(&::name, #name);                          \
        return fails(Call::call, error) ? failure : real arguments;             \
    }
CEYMAIL_CALL(void*, mmap, (void* a, std::size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o), map, ENOMEM,
             MAP_FAILED)
CEYMAIL_CALL(void*, mmap64, (void* a, std::size_t n, int p, int f, int fd, off64_t o), (a, n, p, f, fd, o), map, ENOMEM,
             MAP_FAILED)
CEYMAIL_CALL(ssize_t, read, (int fd, void* to, std::size_t n), (fd, to, n), read, EIO, -1)
CEYMAIL_CALL(ssize_t, pread, (int fd, void* to, std::size_t n, off_t at), (fd, to, n, at), read, EIO, -1)
CEYMAIL_CALL(ssize_t, recv, (int fd, void* to, std::size_t n, int f), (fd, to, n, f), read, EIO, -1)
CEYMAIL_CALL(ssize_t, write, (int fd, const void* from, std::size_t n), (fd, from, n), write, ECONNRESET, -1)
CEYMAIL_CALL(ssize_t, writev, (int fd, const iovec* from, int n), (fd, from, n), write, ECONNRESET, -1)
CEYMAIL_CALL(ssize_t, send, (int fd, const void* from, std::size_t n, int f), (fd, from, n, f), write, ECONNRESET, -1)
CEYMAIL_CALL(ssize_t, sendto, (int fd, const void* m, std::size_t n, int f, const sockaddr* to, socklen_t size),
             (fd, m, n, f, to, size), write, ECONNRESET, -1)
CEYMAIL_CALL(ssize_t, sendmsg, (int fd, const msghdr* m, int f), (fd, m, f), write, ECONNRESET, -1)
CEYMAIL_CALL(int, accept, (int fd, sockaddr* from, socklen_t* size), (fd, from, size), accept, EMFILE, -1)
CEYMAIL_CALL(int, accept4, (int fd, sockaddr* from, socklen_t* size, int f), (fd, from, size, f), accept, EMFILE, -1)
CEYMAIL_CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol), connect, EMFILE, -1)
CEYMAIL_CALL(int, connect, (int fd, const sockaddr* to, socklen_t size), (fd, to, size), connect, ECONNREFUSED, -1)
CEYMAIL_CALL(int, epoll_create1, (int f), (f), watch, ENOMEM, -1)
CEYMAIL_CALL(int, epoll_ctl, (int fd, int op, int of, epoll_event* event), (fd, op, of, event), watch, ENOMEM, -1)
CEYMAIL_CALL(int, eventfd, (unsigned value, int f), (value, f), watch, ENOMEM, -1)
CEYMAIL_CALL(int, timerfd_create, (int clock, int f), (clock, f), watch, ENOMEM, -1)
CEYMAIL_CALL(pid_t, fork, (), (), fork, EAGAIN, -1)
#undef CEYMAIL_CALL

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*start)(void*), void* argument) {
    static const auto real = next(&::pthread_create, "pthread_create");
    return fails(Call::fork, EAGAIN) ? EAGAIN : real(thread, attributes, start, argument);
}

}  // extern "C"
