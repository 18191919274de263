// SPDX-License-Identifier: MIT
// FailingCalls: makes calls of the C library fail in a program that a test runs, and in all that it forks.
// The program is started with OUT/failing-calls.so preloaded (tests/interpose/failing_calls.cpp), which does as the
// test says in memory that they share; nothing fails until then.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "ceymail/util/mapped_memory.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// What can fail, and the errno that it then has.
enum class Call : std::uint32_t {
    memory,   // malloc, calloc, realloc, posix_memalign, aligned_alloc, and so operator new: ENOMEM
    open,     // open, openat, fopen, opendir: EMFILE
    map,      // mmap: ENOMEM
    read,     // read, pread, recv: EIO
    write,    // write, writev, send, sendto, sendmsg: ECONNRESET
    accept,   // accept, accept4: EMFILE
    connect,  // socket: EMFILE; connect: ECONNREFUSED
    watch,    // epoll_create1, epoll_ctl, eventfd, timerfd_create: ENOMEM
    fork,     // fork, pthread_create: EAGAIN
    count
};

// Shared by the test and every process of the program. All zeroes: nothing fails.
struct FailingCallsControl {
    std::atomic<std::uint32_t> calls;     // bits of Call: those that count and may fail
    std::atomic<std::int64_t> countdown;  // the call that takes it to 0 fails
    std::atomic<std::uint32_t> one_in;    // 0, or one in so many fails, by chance
    std::atomic<std::uint64_t> chance;    // the state of that chance: its seed
    std::atomic<std::uint64_t> made;      // calls that could have failed
    std::atomic<std::uint64_t> failed;    // calls that did
};
inline constexpr const char* k_failing_calls_variable = "CEYMAIL_FAILING_CALLS";  // the path of the control file

class FailingCalls {
public:
    FailingCalls();  // nothing fails

    // For the program's environment.
    [[nodiscard]] std::vector<std::string> environment() const;

    void fail_nth(Call call, std::int64_t n);                                    // from now on; the others succeed
    void fail_one_in(std::uint32_t calls, std::uint32_t n, std::uint64_t seed);  // bits of Call
    void stop();

    [[nodiscard]] std::uint64_t made() const;  // since the last fail_...()
    [[nodiscard]] std::uint64_t failed() const;

private:
    [[nodiscard]] FailingCallsControl& control() const noexcept;
    void begin(std::uint32_t calls);

    TemporaryDirectory m_directory;
    util::MappedMemory m_memory;
};

[[nodiscard]] constexpr std::uint32_t bit(Call call) { return 1U << static_cast<std::uint32_t>(call); }
[[nodiscard]] const char* name_of(Call call);

}  // namespace ceymail::testing
