// SPDX-License-Identifier: MIT
// KeptReading, and the Follower that writes it: what a death at any instruction leaves, and what other processes see.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <numeric>
#include <random>
#include <string>

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/follower.hpp"
#include "ceymail/maillog/open_log.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::maillog;
using testing::ForkedChild;
using testing::SharedValue;
namespace fs = std::filesystem;

constexpr std::size_t k_no_limit = 1U << 30U;

std::uint64_t sum(const Counters& counters) {
    return std::accumulate(counters.lines.values.begin(), counters.lines.values.end(), std::uint64_t{0});
}

// Reads on as a process that has just started. Returns: whether it could.
bool read_on(KeptReading& kept, const fs::path& log, LineBlock& block) {
    Follower follower(kept, Log::mail, block);
    auto files = open_log_files(log);
    return files && follower.hand_over(std::move(*files)).has_value() && follower.read(k_no_limit, util::BootTime{});
}

BOOST_AUTO_TEST_SUITE(kept_reading)

BOOST_AUTO_TEST_CASE(is_empty_as_zeros_and_gives_what_was_committed) {
    const SharedValue<KeptReading> kept;
    const auto copy = std::make_unique<Reading>();
    BOOST_TEST(!kept->load(*copy));
    BOOST_TEST(kept->start({1, 2}));
    BOOST_TEST(kept->load(*copy));
    BOOST_TEST(copy->counters.senders.key()[1] == 2U);
    kept->begin().counters.expired = 7;
    BOOST_TEST((kept->load(*copy) && copy->counters.expired == 0U));
    kept->commit();
    BOOST_TEST((kept->load(*copy) && copy->counters.expired == 7U));
    BOOST_TEST(!kept->start({3, 4}));  // the next reader goes on
    BOOST_TEST(kept->committed().counters.expired == 7U);
    kept->begin().counters.version += 1;
    kept->commit();
    BOOST_TEST(!kept->load(*copy));
    BOOST_TEST(kept->start({3, 4}));
    BOOST_TEST(kept->committed().counters.expired == 0U);
}

// A child goes one instruction at a time, and its memory is copied every few of them. From each copy another reader
// goes on: each line is counted once.
BOOST_AUTO_TEST_CASE(a_death_at_any_instruction_neither_loses_nor_counts_a_line_twice) {
    constexpr std::uint64_t k_first = 3;
    constexpr std::uint64_t k_more = 4;
    const testing::TemporaryDirectory directory;
    const auto log = directory.write("mail.log", "");
    const SharedValue<KeptReading> kept;
    const SharedValue<KeptReading> left;
    const auto block = std::make_unique<LineBlock>();
    const auto append = [&](std::uint64_t count) {
        std::ofstream file(log, std::ios::app);
        for (std::uint64_t i = 0; i < count; ++i)
            file << "2026-11-27T18:13:22.784123+00:00 mx1 postfix/qmgr[7]: A0000001: removed\n";
    };
    kept->start({1, 2});
    BOOST_TEST_REQUIRE(read_on(*kept, log, *block));
    append(k_first);
    BOOST_TEST_REQUIRE(read_on(*kept, log, *block));
    append(k_more);
    const SharedValue<std::atomic<bool>> done;
    ForkedChild child([&] {
        if (::ptrace(PTRACE_TRACEME) != 0) return 1;
        ::raise(SIGSTOP);
        *done = read_on(*kept, log, *block);
        return 0;
    });
    child.wait_until_stopped();

    std::minstd_rand random(1);
    std::size_t deaths = 0;
    std::size_t before_commit = 0;
    std::size_t until_death = 1;
    for (std::size_t step = 0; !*done && step < 5'000'000; ++step) {
        BOOST_TEST_REQUIRE(::ptrace(PTRACE_SINGLESTEP, child.pid(), 0, 0) == 0);
        child.wait_until_stopped();
        // Where little is done in an instruction, each is looked at in turn over many runs of this test.
        if (--until_death > 0) continue;
        until_death = 1 + random() % 250;
        std::memcpy(static_cast<void*>(&*left), &*kept, sizeof *left);
        ++deaths;
        if (sum(left->committed().counters) == k_first) ++before_commit;
        BOOST_TEST_REQUIRE(read_on(*left, log, *block));
        BOOST_TEST_REQUIRE(sum(left->committed().counters) == k_first + k_more);
        BOOST_TEST_REQUIRE(left->committed().counters.skipped_bytes == 0U);
    }
    BOOST_TEST(*done);
    BOOST_TEST(deaths > 20U);
    BOOST_TEST(before_commit > 10U);
    BOOST_TEST(before_commit < deaths);
    BOOST_TEST_MESSAGE("deaths " << deaths << ", before the commit " << before_commit);
}

BOOST_AUTO_TEST_CASE(another_process_sees_whole_readings_only) {
    const SharedValue<KeptReading> kept;
    const SharedValue<std::atomic<bool>> stop;
    kept->start({1, 2});
    ForkedChild writer([&] {
        for (std::uint64_t i = 1; !*stop; ++i) {
            Reading& reading = kept->begin();
            reading.counters.lines.values.fill(i);
            reading.unread_bytes.fill(i);
            kept->commit();
            if (i % 4 == 0) ::usleep(50);  // as between two blocks of lines
        }
        return 0;
    });
    const auto copy = std::make_unique<Reading>();
    std::uint64_t last = 0;
    std::size_t changes = 0;
    for (int i = 0; i < 20'000 && changes < 500; ++i) {
        if (!kept->load(*copy)) continue;
        const auto value = copy->unread_bytes[0];
        BOOST_TEST_REQUIRE(copy->unread_bytes[1] == value);
        for (const auto count : copy->counters.lines.values) BOOST_TEST_REQUIRE(count == value);
        BOOST_TEST_REQUIRE(value >= last);
        changes += value > last ? 1 : 0;
        last = value;
    }
    *stop = true;
    BOOST_TEST(writer.wait() == 0);
    BOOST_TEST(changes > 10U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
