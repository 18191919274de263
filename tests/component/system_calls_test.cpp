// SPDX-License-Identifier: MIT
// System calls that fail after forbid_remapping(), allow_calls_of_log_reader() and forbid_calls_of_journal_reader(),
// tried in children.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/system/system_calls.hpp"
#include "ceymail/util/fd.hpp"
#include "support/forked_child.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::system {
namespace {

using testing::ForkedChild;
using testing::TemporaryDirectory;

constexpr std::size_t k_page = 4096;

// The errno of `attempt` in a child after forbid_remapping(), and in one without; 0: success.
struct Outcome {
    int free, confined;
};

template <class Attempt>
Outcome tried(Attempt attempt) {
    const auto in_child = [&](bool confine) {
        ForkedChild child([&] {
            ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if (confine && !forbid_remapping()) return 255;
            errno = 0;
            return attempt() ? 0 : errno;
        });
        return child.wait();
    };
    return {in_child(false), in_child(true)};
}

struct File {
    TemporaryDirectory directory;
    std::filesystem::path path = directory.write("file", std::string(4 * k_page, 'x'));
    util::Fd fd{::open(path.c_str(), O_RDWR | O_CLOEXEC)};
    void* memory = ::mmap(nullptr, 4 * k_page, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);

    ~File() { ::munmap(memory, 4 * k_page); }
};

BOOST_FIXTURE_TEST_SUITE(system_calls, File)

BOOST_AUTO_TEST_CASE(no_file_can_be_shortened) {
    for (const auto& outcome : {tried([&] { return ::ftruncate(fd.get(), 4 * k_page) == 0; }),
                                tried([&] { return ::truncate(path.c_str(), 4 * k_page) == 0; })}) {
        BOOST_TEST(outcome.free == 0);
        BOOST_TEST(outcome.confined == EPERM);
    }
}

// Two ways to map an unmapped page again without a descriptor.
BOOST_AUTO_TEST_CASE(an_unmapped_page_cannot_be_mapped_again) {
    const auto unmap_behind_first = [&] {
        ::munmap(static_cast<char*>(memory) + k_page, 3 * k_page);
        ::close(fd.get());
    };
    const auto by_growing = tried([&] {
        unmap_behind_first();
        return ::mremap(memory, k_page, 4 * k_page, MREMAP_MAYMOVE) != MAP_FAILED;
    });
    const auto by_turning = tried([&] {
        unmap_behind_first();
        return ::syscall(SYS_remap_file_pages, memory, k_page, 0, 2, 0) == 0;
    });
    for (const auto& outcome : {by_growing, by_turning}) {
        BOOST_TEST(outcome.free == 0);
        BOOST_TEST(outcome.confined == EPERM);
    }
}

BOOST_AUTO_TEST_CASE(memory_still_grows) {
    const auto grow = [] {
        constexpr std::size_t k_large = 64 << 20;
        auto* block = static_cast<char*>(std::malloc(k_large));
        std::memset(block, 'y', k_large);
        block = static_cast<char*>(std::realloc(block, 2 * k_large));
        return block != nullptr && block[0] == 'y' && block[k_large - 1] == 'y';
    };
    BOOST_TEST(tried(grow).confined == 0);
}

// The errno of `attempt` in a child after allow_calls_of_log_reader(); 0: success.
template <class Attempt>
int tried_as_log_reader(Attempt attempt) {
    ForkedChild child([&] {
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (!allow_calls_of_log_reader()) return 255;
        errno = 0;
        return attempt() ? 0 : errno;
    });
    return child.wait();
}

BOOST_AUTO_TEST_CASE(the_log_reader_opens_connects_and_executes_nothing) {
    constexpr int k_anonymous = MAP_PRIVATE | MAP_ANONYMOUS;
    BOOST_TEST(tried_as_log_reader([&] { return ::open(path.c_str(), O_RDONLY) >= 0; }) == EPERM);
    BOOST_TEST(tried_as_log_reader([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }) == EPERM);
    BOOST_TEST(tried_as_log_reader([] { return ::kill(::getppid(), 0) == 0; }) == EPERM);
    BOOST_TEST(tried_as_log_reader([] { return ::execl("/bin/true", "true", nullptr) == 0; }) == EPERM);
    BOOST_TEST(tried_as_log_reader([] { return ::fork() >= 0; }) == EPERM);
    BOOST_TEST(tried_as_log_reader([&] { return ::ftruncate(fd.get(), 0) == 0; }) == EPERM);
    BOOST_TEST(tried_as_log_reader([&] {
                   return ::mmap(nullptr, k_page, PROT_READ | PROT_EXEC, k_anonymous, -1, 0) != MAP_FAILED;
               }) == EPERM);
    BOOST_TEST(tried_as_log_reader([&] { return ::mprotect(memory, k_page, PROT_READ | PROT_EXEC) == 0; }) == EPERM);
}

BOOST_AUTO_TEST_CASE(the_log_reader_reads_waits_and_has_memory) {
    BOOST_TEST(tried_as_log_reader([&] {
                   char byte = 0;
                   struct stat status{};
                   pollfd polled{fd.get(), POLLIN, 0};
                   auto* const block = static_cast<char*>(std::malloc(64 << 20));
                   std::memset(block, 'y', 64 << 20);
                   std::free(block);
                   return ::pread(fd.get(), &byte, 1, 0) == 1 && ::fstat(fd.get(), &status) == 0 &&
                          ::poll(&polled, 1, 0) == 1 && ::close(fd.get()) == 0;
               }) == 0);
}

// The errno of `attempt` in a child after forbid_calls_of_journal_reader(); 0: success.
template <class Attempt>
int tried_as_journal_reader(Attempt attempt) {
    ForkedChild child([&] {
        ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (!forbid_calls_of_journal_reader()) return 255;
        errno = 0;
        return attempt() ? 0 : errno;
    });
    return child.wait();
}

BOOST_AUTO_TEST_CASE(the_journal_reader_connects_executes_and_signals_nothing) {
    BOOST_TEST(tried_as_journal_reader([] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }) == EPERM);
    BOOST_TEST(tried_as_journal_reader([] { return ::connect(0, nullptr, 0) == 0; }) == EPERM);
    BOOST_TEST(tried_as_journal_reader([] { return ::kill(::getppid(), 0) == 0; }) == EPERM);
    BOOST_TEST(tried_as_journal_reader([] { return ::execl("/bin/true", "true", nullptr) == 0; }) == EPERM);
    BOOST_TEST(tried_as_journal_reader([] { return ::fork() >= 0; }) == EPERM);
    BOOST_TEST(tried_as_journal_reader([&] { return ::ftruncate(fd.get(), 0) == 0; }) == EPERM);
    BOOST_TEST(tried_as_journal_reader([&] { return ::mremap(memory, k_page, 2 * k_page, 0) != MAP_FAILED; }) == EPERM);
}

BOOST_AUTO_TEST_CASE(the_journal_reader_opens_maps_and_watches) {
    BOOST_TEST(tried_as_journal_reader([&] {
                   const util::Fd opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
                   const util::Fd watch(::inotify_init1(IN_CLOEXEC));
                   return opened && ::mmap(nullptr, k_page, PROT_READ, MAP_SHARED, opened.get(), 0) != MAP_FAILED &&
                          ::inotify_add_watch(watch.get(), directory.path().c_str(), IN_MODIFY) >= 0;
               }) == 0);
}

#if defined(__x86_64__)
// The same calls by the numbers of x32 and of 32-bit programs.
BOOST_AUTO_TEST_CASE(other_numbers_of_the_same_calls_fail_too) {
    const auto as_x32 =
        tried([&] { return ::syscall(0x40000000 | SYS_ftruncate, fd.get(), static_cast<long>(k_page)) == 0; });
    BOOST_TEST(as_x32.confined == EPERM);
    const auto as_32_bit = tried([&] {
        long result = 0;
        constexpr long k_getpid_of_i386 = 20;
        asm volatile("int $0x80" : "=a"(result) : "a"(k_getpid_of_i386) : "memory", "r8", "r9", "r10", "r11");
        if (result < 0) errno = static_cast<int>(-result);
        return result > 0;
    });
    BOOST_TEST((as_32_bit.confined == EPERM || as_32_bit.free != 0));
}
#endif

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::system
