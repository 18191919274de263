// SPDX-License-Identifier: MIT
// SnapshotBuffer: readers get whole texts, and cannot write.
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/snapshot/snapshot_buffer.hpp"

namespace {

using ceymail::snapshot::k_snapshot_capacity;
using ceymail::snapshot::SnapshotBuffer;
using ceymail::snapshot::SnapshotTimes;
using ceymail::util::BootTime;
using ceymail::util::ErrorKind;

SnapshotBuffer make_board() {
    auto buffer = SnapshotBuffer::make();
    BOOST_TEST_REQUIRE(buffer.has_value(), (buffer ? "" : buffer.error().message));
    return std::move(*buffer);
}

BootTime at(std::int64_t ns) { return BootTime(std::chrono::nanoseconds(ns)); }

// The times of a text determine its content.
std::string pattern(std::int64_t n) {
    return std::string(static_cast<std::size_t>(n % 5000), static_cast<char>('a' + n % 26));
}

// The mappings of any snapshot buffer in this process that allow `protection` to be set.
int boards_open_to(int protection) {
    int count = 0;
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
        if (line.find("memfd:ceymail-snapshot") == std::string::npos) continue;
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        char dash = 0;
        std::istringstream(line) >> std::hex >> begin >> dash >> end;
        if (mprotect(reinterpret_cast<void*>(begin), end - begin, protection) == 0) ++count;
    }
    return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(snapshot_buffer)

BOOST_AUTO_TEST_CASE(is_empty_until_something_is_published) {
    const SnapshotBuffer buffer = make_board();
    std::string text = "before";
    BOOST_TEST((buffer.read(text).taken_at == BootTime{}));
    BOOST_TEST(text.empty());
    BOOST_TEST((buffer.times().taken_at == BootTime{}));
}

BOOST_AUTO_TEST_CASE(returns_the_last_text_and_its_times) {
    SnapshotBuffer buffer = make_board();
    std::string text;
    for (const std::size_t size : {0UL, 1UL, 7UL, 8UL, 9UL, 3000UL, k_snapshot_capacity, 5UL}) {
        const std::string want(size, 'x');
        const auto taken_at = at(static_cast<std::int64_t>(size) + 1);
        BOOST_TEST_REQUIRE(buffer.publish(want, {taken_at, at(77)}).has_value());
        const auto times = buffer.read(text);
        BOOST_TEST((text == want), size);
        BOOST_TEST((times.taken_at == taken_at));
        BOOST_TEST((times.good_until == at(77)));
        BOOST_TEST((buffer.times().taken_at == taken_at));
    }
}

BOOST_AUTO_TEST_CASE(refuses_a_text_that_is_too_long_and_keeps_the_last_one) {
    SnapshotBuffer buffer = make_board();
    BOOST_TEST_REQUIRE(buffer.publish("good", {at(1), at(2)}).has_value());
    const auto result = buffer.publish(std::string(k_snapshot_capacity + 1, 'x'), {at(3), at(4)});
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().kind == ErrorKind::exhausted));
    std::string text;
    BOOST_TEST((buffer.read(text).taken_at == at(1)));
    BOOST_TEST(text == "good");
}

BOOST_AUTO_TEST_CASE(once_read_only_cannot_be_written_again_by_any_means) {
    SnapshotBuffer buffer = make_board();
    BOOST_TEST_REQUIRE(buffer.publish("good", {at(1), at(2)}).has_value());
    BOOST_TEST(boards_open_to(PROT_READ | PROT_WRITE) == 1);
    buffer.make_read_only();
    BOOST_TEST((buffer.publish("bad", {at(3), at(4)}).error().kind == ErrorKind::denied));
    BOOST_TEST(boards_open_to(PROT_READ | PROT_WRITE) == 0);
    BOOST_TEST(boards_open_to(PROT_READ) == 1);
    std::string text;
    (void)buffer.read(text);
    BOOST_TEST(text == "good");
}

// The writer reads the second page of its text, which it may not, and is killed.
BOOST_AUTO_TEST_CASE(the_last_text_outlives_a_writer_that_dies_within_the_next) {
    SnapshotBuffer buffer = make_board();
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* const pages = mmap(nullptr, 2 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    BOOST_TEST_REQUIRE((pages != MAP_FAILED));
    BOOST_TEST_REQUIRE(mprotect(static_cast<char*>(pages) + page, page, PROT_NONE) == 0);
    const std::string_view unreadable(static_cast<const char*>(pages), 2 * page);
    std::string text;
    for (std::int64_t n = 1; n <= 4; ++n) {
        BOOST_TEST_REQUIRE(buffer.publish(pattern(n), {at(n), at(n)}).has_value());
        const pid_t child = fork();
        if (child == 0) {
            signal(SIGSEGV, SIG_DFL);
            prctl(PR_SET_DUMPABLE, 0);  // no core file
            (void)buffer.publish(unreadable, {at(99), at(99)});
            _exit(0);
        }
        int status = 0;
        BOOST_TEST_REQUIRE(waitpid(child, &status, 0) == child);
        BOOST_TEST_REQUIRE(WIFSIGNALED(status));
        BOOST_TEST((buffer.read(text).taken_at == at(n)), n);
        BOOST_TEST(text == pattern(n), n);
    }
    munmap(pages, 2 * page);
}

BOOST_AUTO_TEST_CASE(readers_never_see_a_torn_text) {
    constexpr std::int64_t k_publications = 20'000;
    SnapshotBuffer buffer = make_board();
    std::atomic<bool> done = false;
    std::atomic<int> torn = 0;
    std::atomic<int> backwards = 0;
    const auto reader = [&] {
        std::string text;
        std::int64_t last = 0;
        while (!done.load()) {
            const auto n = buffer.read(text).taken_at.time_since_epoch().count();
            if (n == 0) continue;  // none yet, or overwritten too often
            if (text != pattern(n)) ++torn;
            if (n < last) ++backwards;
            last = n;
        }
    };
    std::vector<std::thread> readers;
    for (int i = 0; i < 2; ++i) readers.emplace_back(reader);
    for (std::int64_t n = 1; n <= k_publications; ++n) (void)buffer.publish(pattern(n), {at(n), at(n)});
    done = true;
    for (auto& thread : readers) thread.join();
    BOOST_TEST(torn == 0);
    BOOST_TEST(backwards == 0);
}

BOOST_AUTO_TEST_SUITE_END()
