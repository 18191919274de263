// SPDX-License-Identifier: MIT
// KeptRecord, and the processor times that are kept in one: what a death leaves to the next process.
#include <atomic>
#include <csignal>
#include <cstring>
#include <memory>

#include <sys/ptrace.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/cpu.hpp"
#include "ceymail/util/kept_record.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"

namespace {

using namespace ceymail;
using namespace std::chrono_literals;
using testing::ForkedChild;
using testing::SharedValue;
using util::KeptRecord;

constexpr util::BootTime k_start{1000s};

// Copied as it is in memory, as by another process.
std::unique_ptr<KeptRecord> copy_of(const KeptRecord& record) {
    auto copy = std::make_unique<KeptRecord>();
    std::memcpy(static_cast<void*>(copy.get()), &record, sizeof record);
    return copy;
}

collect::CpuTimes idle(std::uint64_t jiffies) { return {0, 0, 0, jiffies, 0, 0, 0}; }

BOOST_AUTO_TEST_SUITE(kept_record)

BOOST_AUTO_TEST_CASE(is_empty_as_zeroes_and_gives_what_was_stored_last) {
    const SharedValue<KeptRecord> record;
    BOOST_TEST(!record->load().has_value());
    for (std::uint64_t i = 1; i < 10; ++i) {
        KeptRecord::Content content{.words = {}, .at = k_start + std::chrono::seconds(i)};
        content.words.fill(i);
        record->store(content);
        const auto got = copy_of(*record)->load();
        BOOST_TEST_REQUIRE(got.has_value());
        BOOST_TEST((got->words == content.words && got->at == content.at));
    }
}

// A child goes one instruction at a time. What it has done to the record by then is what its death would leave there:
// the next process must serve the same sum as if nothing had happened, whether the reading under way was kept or not.
BOOST_AUTO_TEST_CASE(a_death_at_any_instruction_neither_steps_back_nor_counts_twice) {
    const SharedValue<KeptRecord> record;
    const auto tally = collect::tallied_in(*record);
    BOOST_TEST(tally(idle(5000), k_start)->total == 5000U);
    BOOST_TEST(tally(idle(1000), k_start + 15s)->total == 5000U);  // fell: the sum is no reading
    const SharedValue<std::atomic<bool>> done;
    ForkedChild child([&] {
        if (::ptrace(PTRACE_TRACEME) != 0) return 1;
        ::raise(SIGSTOP);
        *done = tally(idle(1100), k_start + 30s)->total == 5100;
        return 0;
    });
    child.wait_until_stopped();

    auto last = copy_of(*record);
    std::size_t states = 0;
    for (std::size_t instructions = 0; !*done && instructions < 1'000'000; ++instructions) {
        BOOST_TEST_REQUIRE(::ptrace(PTRACE_SINGLESTEP, child.pid(), 0, 0) == 0);
        child.wait_until_stopped();
        if (std::memcmp(static_cast<void*>(last.get()), &*record, sizeof *record) == 0) continue;
        last = copy_of(*record);
        ++states;
        const auto left = copy_of(*record);
        BOOST_TEST_REQUIRE(collect::tallied_in(*left)(idle(1250), k_start + 45s)->total == 5250U);
    }
    BOOST_TEST(*done);
    BOOST_TEST(states > 3U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
