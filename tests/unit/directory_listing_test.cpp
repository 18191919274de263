// SPDX-License-Identifier: MIT
// A directory read in parts counts each of its entries once, whatever came and went since the cuts were chosen.
#include "ceymail/collect/directory_listing.hpp"

#include <fcntl.h>

#include <array>
#include <boost/test/unit_test.hpp>

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

    DirectoryListing list(const DirectoryPart& part = {}) const {
        alignas(16) std::array<std::byte, 4096> buffer;  // a hundred entries
        const util::Fd fd(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        auto listing = list_directory(
            fd.get(), buffer, {Arrivals::wanted, EntryTypes::believed, util::BootClock::now() + 1min, part, {}});
        BOOST_TEST_REQUIRE(listing.has_value());
        return std::move(*listing);
    }

    DirectoryListing list_in_parts(const std::vector<DirectoryPosition>& cuts) const {
        DirectoryListing whole;
        DirectoryPart part;
        for (const auto cut : cuts) {
            part.end = cut;
            whole.append(list(part), part);
            part.begin = cut;
        }
        part.end.reset();
        whole.append(list(part), part);
        return whole;
    }

    std::vector<DirectoryPosition> cuts() const { return list().landmarks; }
};

// The positions of a tmpfs, for one, fall from entry to entry: its directories are read in one piece.
boost::test_tools::assertion_result can_be_cut(boost::unit_test::test_unit_id) { return Directory().list().ordered; }

BOOST_FIXTURE_TEST_SUITE(directory_listing, Directory, *boost::unit_test::precondition(can_be_cut))

BOOST_AUTO_TEST_CASE(parts_are_together_the_whole) {
    const auto whole = list();
    const auto got = list_in_parts(cuts());
    BOOST_TEST(whole.files == std::uint64_t{k_messages});
    BOOST_TEST(got.files == whole.files);
    BOOST_TEST(got.dated);
    BOOST_TEST(got.oldest->count() == whole.oldest->count());
    BOOST_TEST(got.subdirectories == whole.subdirectories, boost::test_tools::per_element());
    BOOST_TEST(got.landmarks == whole.landmarks, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(no_entry_counts_twice_where_those_between_two_cuts_have_gone) {
    const auto where = cuts();
    for (int i = 0; i < k_messages; ++i) {
        if (i % 333 != 0) fs::remove(directory / name(i));
    }
    const auto got = list_in_parts(where);
    BOOST_TEST(got.files == 4U);
    BOOST_TEST(got.subdirectories.size() == 1U);
    BOOST_TEST(got.oldest->count() == list().oldest->count());
}

BOOST_AUTO_TEST_CASE(parts_count_what_has_come_since) {
    const auto where = cuts();
    for (int i = 0; i < k_messages; ++i) directory.write("B" + std::to_string(i), "");
    const auto got = list_in_parts(where);
    BOOST_TEST(got.files == 2U * k_messages);
    BOOST_TEST(!got.dated);
}

BOOST_AUTO_TEST_CASE(one_name_without_a_date_spoils_the_date_of_all) {
    directory.write("C3CD21F3E90", "");
    BOOST_TEST(!list().dated);
    BOOST_TEST(!list_in_parts(cuts()).dated);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
