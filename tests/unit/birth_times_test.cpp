// SPDX-License-Identifier: MIT
// Births that are remembered by name, through many passes.
#include "ceymail/collect/birth_times.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <map>
#include <random>
#include <string>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/fd.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(birth_times)

BOOST_AUTO_TEST_CASE(remembers_what_is_there_and_forgets_what_has_gone) {
    std::mt19937 random(1);
    BirthTimes births;
    std::map<std::string, std::chrono::microseconds> there;
    for (int pass = 0; pass < 50; ++pass) {
        const bool is_whole = pass % 3 != 1;
        auto before = there;
        std::erase_if(there, [&](const auto&) { return random() % 4 == 0; });
        births.begin_pass();
        for (const auto& [name, birth] : there) {
            if (!births.keep(name)) BOOST_ERROR(name + " is forgotten");
        }
        for (auto i = random() % 300; i > 0; --i) {
            const auto name = std::to_string(random() % 100'000);
            if (there.contains(name) || before.contains(name)) continue;
            if (births.keep(name)) BOOST_ERROR(name + " was not there");
            const auto birth = std::chrono::microseconds(random());
            births.add(name, birth);
            there.emplace(name, birth);
        }
        births.end_pass(is_whole);
        if (is_whole) {
            BOOST_TEST(births.size() == there.size());
            const auto oldest = std::ranges::min_element(there, {}, [](const auto& one) { return one.second; });
            BOOST_TEST((births.oldest() == (there.empty() ? std::nullopt : std::optional(oldest->second))));
        } else {
            there.insert(before.begin(), before.end());  // it cannot be known that they have gone
        }
    }
}

// The search begins at an estimate. Without a good one the time of a pass grows with the square of the names.
BOOST_AUTO_TEST_CASE(the_cost_of_a_name_does_not_grow_with_their_number) {
    const auto cost = [](int names) {
        std::vector<std::string> all;
        for (int i = 0; i < names; ++i) all.push_back(std::to_string(i));
        BirthTimes births;
        births.begin_pass();
        for (const auto& name : all) births.add(name, 5us);
        births.end_pass(true);
        births.begin_pass();
        const auto before = util::thread_cpu_time();
        const auto kept = std::ranges::count_if(all, [&](const auto& name) { return births.keep(name); });
        const auto passed = util::thread_cpu_time() - before;
        BOOST_TEST(kept == names);
        return passed / names;
    };
    const auto few = std::min({cost(1000), cost(1000), cost(1000)});
    const auto many = std::min(cost(60'000), cost(60'000));
    BOOST_TEST(many.count() < 10 * few.count());
}

BOOST_AUTO_TEST_CASE(knows_nothing_at_first_and_after_it_was_told_to_forget) {
    BirthTimes births;
    births.begin_pass();
    BOOST_TEST(!births.keep("C3CD21F3E90"));
    births.add("C3CD21F3E90", 5us);
    births.end_pass(true);
    BOOST_TEST((births.oldest() == 5us));
    births.forget();
    BOOST_TEST(births.size() == 0U);
    BOOST_TEST((births.oldest() == std::nullopt));
    births.begin_pass();
    BOOST_TEST(!births.keep("C3CD21F3E90"));
}

BOOST_AUTO_TEST_CASE(asks_the_file_itself_and_no_other) {
    const testing::TemporaryDirectory directory;
    directory.write("file", "");
    std::filesystem::create_symlink("/proc", directory / "link");
    const util::Fd here{::open(directory.path().c_str(), O_PATH | O_CLOEXEC)};
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    BOOST_TEST_REQUIRE(birth_of(here.get(), "file").has_value());
    BOOST_TEST((birth_of(here.get(), "file").value() > now - 1min));
    BOOST_TEST((birth_of(here.get(), "file").value() < now + 1min));
    BOOST_TEST((birth_of(here.get(), "link").value() > now - 1min));
    BOOST_TEST((birth_of(here.get(), "nothing").error() == ENOENT));
    BOOST_TEST((birth_of(AT_FDCWD, "/proc/self/stat").error() == ENODATA));  // a file system without births
}

BOOST_AUTO_TEST_CASE(tells_births_to_the_microsecond) {
    const testing::TemporaryDirectory directory;
    for (int i = 0; i < 20; ++i) {
        const auto path = directory.write("file" + std::to_string(i), "");
        struct statx status{};
        BOOST_TEST_REQUIRE(::statx(AT_FDCWD, path.c_str(), 0, STATX_BTIME, &status) == 0);
        const auto want =
            std::chrono::seconds(status.stx_btime.tv_sec) +
            std::chrono::floor<std::chrono::microseconds>(std::chrono::nanoseconds(status.stx_btime.tv_nsec));
        BOOST_TEST((birth_of(AT_FDCWD, path.c_str()).value() == want), i);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
