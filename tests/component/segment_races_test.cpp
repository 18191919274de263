// SPDX-License-Identifier: MIT
// Segment, while other processes start, stop, delete and replace it between any two steps. Each case runs their action
// at the only points where it has an effect: right before a flock(2) or the renameat2(2).
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/shared/segment.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"
#include "support/temporary_directory.hpp"

namespace {

// Runs once, before the `at`-th next step of its kind.
struct Meanwhile {
    std::function<void(int fd)> happens;
    int at = 0;

    void step(int fd) {
        if (happens && --at == 0) std::exchange(happens, nullptr)(fd);
    }
};
Meanwhile before_lock;
Meanwhile before_rename;

}  // namespace

// Replace the C library's functions in the whole test program.
extern "C" int flock(int fd, int operation) noexcept {
    before_lock.step(fd);
    return static_cast<int>(::syscall(SYS_flock, fd, operation));
}
extern "C" int renameat2(int from_directory, const char* from, int to_directory, const char* to,
                         unsigned flags) noexcept {
    before_rename.step(-1);
    return static_cast<int>(::syscall(SYS_renameat2, from_directory, from, to_directory, to, flags));
}

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace ceymail::shared;
using namespace std::chrono_literals;
using testing::ForkedChild;

constexpr AddressKey k_key{.network = 0x01020304, .family = AddressFamily::ipv4};

// Returns: how many of `requests` pass.
std::size_t admitted(Segment& segment, std::size_t requests) {
    RateTable table(segment.layout().rate, 60s, util::BootClock::now);
    std::size_t passed = 0;
    for (std::size_t i = 0; i < requests; ++i) passed += table.admit(k_key).admission == Admission::admitted ? 1 : 0;
    return passed;
}

struct Fixture {
    Fixture() { before_lock = before_rename = {}; }

    Segment attach() {
        auto segment = Segment::attach(directory.path());
        if (!segment) throw std::runtime_error(segment.error().message);
        return std::move(*segment);
    }
    // Another process attaches, spends the key, and continues.
    void another_spends() {
        others.push_back(attach());
        BOOST_TEST(admitted(others.back(), k_admissions) == k_admissions);
    }
    void damage() const {
        const util::Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
        BOOST_TEST(::pwrite(fd.get(), "x", 1, 0) == 1);
    }
    // While the lock on `fd` is released: the locked file is damaged, and another process replaces and spends it.
    void another_comes_in_between(int fd) {
        ::flock(fd, LOCK_UN);
        damage();
        another_spends();
    }
    void make_damaged() {
        static_cast<void>(attach());
        damage();
    }
    void remove() const { std::filesystem::remove(file); }

    // attach() must end on the segment that the other process has spent.
    void check_that_we_end_where_the_other_is() {
        auto ours = attach();
        BOOST_TEST(!before_lock.happens, "the moment never came");
        BOOST_TEST(!before_rename.happens, "the moment never came");
        BOOST_TEST(admitted(ours, 1) == 0U);
        BOOST_TEST((ours.origin() == SegmentOrigin::found));
        BOOST_TEST(!std::filesystem::exists(draft));
    }

    testing::TemporaryDirectory directory;
    std::filesystem::path file = directory / "segment";
    std::filesystem::path draft = directory / "segment.new";
    std::vector<Segment> others;
};

BOOST_FIXTURE_TEST_SUITE(segment_races, Fixture)

BOOST_AUTO_TEST_CASE(another_replaces_a_damaged_one_before_we_lock_it) {
    make_damaged();
    before_lock = {[&](int) { another_spends(); }, 1};
    check_that_we_end_where_the_other_is();
}

BOOST_AUTO_TEST_CASE(another_makes_one_in_the_draft_that_we_have_opened) {
    before_lock = {[&](int) { another_spends(); }, 1};
    check_that_we_end_where_the_other_is();
}

BOOST_AUTO_TEST_CASE(another_has_made_one_in_our_draft_and_has_gone) {
    before_lock = {[&](int) {
                       another_spends();
                       others.clear();
                   },
                   1};
    check_that_we_end_where_the_other_is();
}

BOOST_AUTO_TEST_CASE(a_shared_one_is_deleted_and_made_again_before_it_is_locked) {
    others.push_back(attach());
    before_lock = {[&](int) {
                       remove();
                       another_spends();
                   },
                   2};
    check_that_we_end_where_the_other_is();
}

BOOST_AUTO_TEST_CASE(the_last_who_shares_a_damaged_one_leaves_as_we_find_it_damaged) {
    others.push_back(attach());
    damage();
    before_lock = {[&](int) { others.clear(); }, 3};
    auto ours = attach();
    BOOST_TEST(!before_lock.happens, "the moment never came");
    BOOST_TEST((ours.origin() == SegmentOrigin::replaced));
    BOOST_TEST(admitted(ours, 13) == 12U);
}

// After a draft was deleted, another process can make its own.
BOOST_AUTO_TEST_CASE(another_appears_before_we_give_ours_its_name) {
    before_rename = {[&](int) {
                         std::filesystem::rename(draft, directory / "aside");
                         another_spends();
                         std::filesystem::rename(directory / "aside", draft);
                     },
                     1};
    check_that_we_end_where_the_other_is();
}

// flock(2) releases a lock before it converts it.
BOOST_AUTO_TEST_CASE(another_comes_in_between_as_we_turn_from_alone_to_sharing) {
    static_cast<void>(attach());
    before_lock = {[&](int fd) { another_comes_in_between(fd); }, 2};
    check_that_we_end_where_the_other_is();
}

BOOST_AUTO_TEST_CASE(another_comes_in_between_as_we_share_the_one_we_have_just_made) {
    before_lock = {[&](int fd) { another_comes_in_between(fd); }, 2};
    check_that_we_end_where_the_other_is();
}

BOOST_AUTO_TEST_CASE(another_holds_it_as_we_turn_from_alone_to_sharing) {
    static_cast<void>(attach());
    const util::Fd other(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    before_lock = {[&](int fd) {
                       ::flock(fd, LOCK_UN);
                       ::flock(other.get(), LOCK_EX);
                       before_lock = {[&](int) { ::flock(other.get(), LOCK_UN); }, 4};
                   },
                   2};
    auto ours = attach();
    BOOST_TEST(!before_lock.happens, "the moment never came");
    BOOST_TEST(admitted(ours, 13) == 12U);
}

// Many processes at once, as when a service and a tool start while the old service ends. Together they admit twelve.
BOOST_AUTO_TEST_CASE(all_who_start_at_once_admit_twelve_together) {
    constexpr std::size_t k_rounds = 40;
    constexpr std::size_t k_crowd = 8;
    const util::Fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    const std::array<std::function<void()>, 5> beginnings{
        [&] { remove(); },                                                                        // missing
        [&] { make_damaged(); },                                                                  // damaged
        [&] { directory.write("segment", "of another program", std::filesystem::perms{0600}); },  // foreign
        [&] { BOOST_TEST(::truncate(file.c_str(), 4096) == 0); },                                 // short
        [&] { directory.write("segment.new", "left behind", std::filesystem::perms{0600}); },     // a death's draft
    };
    for (std::size_t round = 0; round < k_rounds; ++round) {
        remove();
        static_cast<void>(attach());
        beginnings[round % beginnings.size()]();
        testing::SharedValue<std::atomic<std::size_t>> total;
        std::array<int, 2> gate{};  // all wait until it is closed
        BOOST_TEST_REQUIRE(::pipe2(gate.data(), O_CLOEXEC) == 0);
        std::vector<ForkedChild> crowd;
        for (std::size_t i = 0; i < k_crowd; ++i) {
            crowd.emplace_back([&] {
                char byte = 0;
                ::dup2(null.get(), STDERR_FILENO);
                ::close(gate[1]);
                if (::read(gate[0], &byte, 1) != 0) return 1;
                auto segment = Segment::attach(directory.path());
                if (!segment) return 2;
                *total += admitted(*segment, 3);
                return 0;
            });
        }
        ::close(gate[0]);
        ::close(gate[1]);
        for (auto& child : crowd) BOOST_TEST(child.wait() == 0, "round " << round);
        BOOST_TEST(*total == k_admissions, "round " << round);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
