// SPDX-License-Identifier: MIT
// Which directories must be read again though they look the same.
#include "ceymail/collect/directory_stamp.hpp"

#include <fcntl.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/util/fd.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;
using namespace std::chrono_literals;

constexpr FileTime k_second = 1'700'000'000s;
constexpr FileTime k_time = k_second + 123'456'789ns;

BOOST_AUTO_TEST_SUITE(directory_stamp)

BOOST_AUTO_TEST_CASE(is_settled_once_the_clock_has_left_the_tick_of_the_change) {
    const struct {
        const char* label;
        FileTime modified;
        FileTime changed;
        FileTime before;
        bool want;
    } table[] = {
        {"long ago", k_time, k_time, k_time + 1h, true},
        {"just past the tick", k_time, k_time, k_time + 21ms, true},
        {"within the tick", k_time, k_time, k_time + 20ms, false},
        {"at this moment", k_time, k_time, k_time, false},
        {"in the future: the clock was set back", k_time, k_time, k_time - 1h, false},
        {"modified long ago by hand, changed now", k_time - 24h, k_time, k_time, false},
        {"modified in the future by hand, changed long ago", k_time + 1h, k_time - 1h, k_time, false},
        {"whole seconds, within two", k_second, k_second, k_second + 2s, false},
        {"whole seconds, past two", k_second, k_second, k_second + 2s + 1ns, true},
        {"whole seconds in the modification time alone", k_second, k_second - 1ns, k_second + 1s, false},
        {"whole seconds in the change time alone", k_second - 1ns, k_second, k_second + 1s, false},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            BOOST_TEST(is_settled({1, 2, row.modified, row.changed}, row.before) == row.want);
        }
    }
}

BOOST_AUTO_TEST_CASE(differs_by_each_of_its_parts) {
    const DirectoryStamp stamp{1, 2, k_time, k_time};
    BOOST_TEST((stamp == DirectoryStamp{1, 2, k_time, k_time}));
    BOOST_TEST((stamp != DirectoryStamp{9, 2, k_time, k_time}));
    BOOST_TEST((stamp != DirectoryStamp{1, 9, k_time, k_time}));
    BOOST_TEST((stamp != DirectoryStamp{1, 2, k_time + 1ns, k_time}));
    BOOST_TEST((stamp != DirectoryStamp{1, 2, k_time, k_time + 1ns}));
}

BOOST_AUTO_TEST_CASE(only_file_systems_of_this_machine_are_known_to_be_stamped_here) {
    const testing::TemporaryDirectory directory;
    const util::Fd here{::open(directory.path().c_str(), O_PATH | O_CLOEXEC)};
    const util::Fd other{::open("/proc", O_PATH | O_CLOEXEC)};  // as good as any that is not in the list
    BOOST_TEST(has_local_timestamps(here.get()));
    BOOST_TEST(!has_local_timestamps(other.get()));
    BOOST_TEST(!has_local_timestamps(-1));
}

BOOST_AUTO_TEST_CASE(takes_the_nanoseconds_of_a_directory) {
    struct stat status{};
    status.st_dev = 3;
    status.st_ino = 4;
    status.st_mtim = {5, 6};
    status.st_ctim = {7, 8};
    BOOST_TEST((stamp_of(status) == DirectoryStamp{3, 4, 5s + 6ns, 7s + 8ns}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
