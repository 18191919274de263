// SPDX-License-Identifier: MIT
// Space of a file system, as df prints it.
#include "ceymail/collect/disk.hpp"

#include <boost/test/unit_test.hpp>

#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;

struct statvfs status_of(fsblkcnt_t blocks, fsblkcnt_t free_blocks, unsigned long unit) {
    struct statvfs status{};
    status.f_blocks = blocks;
    status.f_bfree = free_blocks;
    status.f_frsize = unit;
    status.f_bsize = 1U << 20;  // the preferred size of I/O, which must not count
    return status;
}

BOOST_AUTO_TEST_SUITE(disk)

BOOST_AUTO_TEST_CASE(counts_in_fragments) {
    const auto usage = disk_usage(status_of(1000, 400, 4096));
    BOOST_TEST_REQUIRE(usage.has_value());
    BOOST_TEST(usage->used_bytes == 600U * 4096U);
    BOOST_TEST(usage->total_bytes == 1000U * 4096U);
}

BOOST_AUTO_TEST_CASE(counts_what_is_reserved_for_root_as_free) {
    auto status = status_of(1000, 400, 1);
    status.f_bavail = 350;
    BOOST_TEST(disk_usage(status)->used_bytes == 600U);
}

BOOST_AUTO_TEST_CASE(refuses_sizes_that_cannot_be) {
    const struct {
        const char* label;
        struct statvfs in;
    } table[] = {
        {"no blocks, as proc has it", status_of(0, 0, 4096)},
        {"more free than there is", status_of(10, 11, 4096)},
        {"more bytes than 2^64-1", status_of(1ULL << 62U, 0, 4096)},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            const auto usage = disk_usage(row.in);
            BOOST_TEST_REQUIRE(!usage.has_value());
            BOOST_TEST((usage.error().kind == util::ErrorKind::invalid));
        }
    }
}

BOOST_AUTO_TEST_CASE(collects_two_gauges_of_the_file_system_of_a_directory) {
    const testing::TemporaryDirectory directory;
    struct statvfs status{};
    BOOST_TEST_REQUIRE(statvfs(directory.path().c_str(), &status) == 0);
    const auto families = disk_families(directory.path());
    BOOST_TEST_REQUIRE(families.has_value());
    BOOST_TEST_REQUIRE(families->size() == 2U);
    BOOST_TEST((*families)[0].name == "ceymail_disk_used_bytes");
    BOOST_TEST((*families)[1].name == "ceymail_disk_total_bytes");
    BOOST_TEST(std::get<std::uint64_t>((*families)[1].samples.at(0).value) == status.f_blocks * status.f_frsize);
}

BOOST_AUTO_TEST_CASE(names_the_path_that_is_missing) {
    const auto families = disk_families("/nowhere/at/all");
    BOOST_TEST_REQUIRE(!families.has_value());
    BOOST_TEST((families.error().kind == util::ErrorKind::not_found));
    BOOST_TEST(families.error().message.find("/nowhere/at/all") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
