// SPDX-License-Identifier: MIT
// A directory larger than the buffer is listed as a whole.
#include "ceymail/collect/directory_listing.hpp"

#include <fcntl.h>

#include <array>
#include <boost/test/unit_test.hpp>

#include "ceymail/collect/queue_id.hpp"
#include "ceymail/util/fd.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr int k_messages = 1000;

// A directory of messages with long names, and a subdirectory.
struct Directory {
    testing::TemporaryDirectory directory;

    Directory() {
        fs::create_directory(directory / "A");
        for (int i = 0; i < k_messages; ++i) directory.write(name(i), "");
    }

    static std::string name(int i) { return "00" + std::to_string(5000 + i) + "0000z1"; }

    DirectoryListing list() const {
        alignas(16) std::array<std::byte, 4096> buffer;  // a hundred entries
        const util::Fd fd(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        auto listing = list_directory(fd.get(), buffer,
                                      {Arrivals::wanted, EntryTypes::trusted, util::BootClock::now() + 1min, {}});
        BOOST_TEST_REQUIRE(listing.has_value());
        return std::move(*listing);
    }
};

BOOST_FIXTURE_TEST_SUITE(directory_listing, Directory)

BOOST_AUTO_TEST_CASE(all_buffers_are_together_the_whole) {
    const auto whole = list();
    BOOST_TEST(whole.files == std::uint64_t{k_messages});
    BOOST_TEST(whole.dated);
    BOOST_TEST(whole.oldest->count() == arrival_of(name(0))->count());
    BOOST_TEST(whole.subdirectories == std::vector<std::string>{"A"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(one_name_without_a_date_spoils_the_date_of_all) {
    directory.write("C3CD21F3E90", "");
    BOOST_TEST(!list().dated);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
