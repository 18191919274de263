// SPDX-License-Identifier: MIT
// Memory in use out of /proc/meminfo.
#include "ceymail/collect/memory.hpp"

#include <boost/test/unit_test.hpp>

#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;

BOOST_AUTO_TEST_SUITE(memory)

BOOST_AUTO_TEST_CASE(takes_what_is_available_from_what_there_is) {
    const struct {
        const char* label;
        const char* in;
        MemoryUsage want;
    } table[] = {
        {"as the kernel writes it",
         "MemTotal:       16384 kB\nMemFree:  1 kB\nMemAvailable:    4096 kB\n",
         {12288ULL * 1024, 16384ULL * 1024}},
        {"the other way round", "MemAvailable: 1 kB\nMemTotal: 3 kB\n", {2048, 3072}},
        {"no line feed at the end", "MemTotal: 3 kB\nMemAvailable: 1 kB", {2048, 3072}},
        {"all available", "MemTotal: 3 kB\nMemAvailable: 3 kB\n", {0, 3072}},
        {"nothing available", "MemTotal: 3 kB\nMemAvailable: 0 kB\n", {3072, 3072}},
        {"beyond 32 bits", "MemTotal: 8589934592 kB\nMemAvailable: 0 kB\n", {8796093022208, 8796093022208}},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            const auto got = parse_memory(row.in);
            BOOST_TEST_REQUIRE(got.has_value());
            BOOST_TEST(got->used_bytes == row.want.used_bytes);
            BOOST_TEST(got->total_bytes == row.want.total_bytes);
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_meminfo) {
    const struct {
        const char* label;
        const char* in;
        const char* named;
    } table[] = {
        {"empty", "", "MemTotal:"},
        {"no MemTotal", "MemAvailable: 1 kB\n", "MemTotal:"},
        {"no MemAvailable, before Linux 3.14", "MemTotal: 3 kB\nMemFree: 1 kB\n", "MemAvailable:"},
        {"label inside another", "XMemTotal: 3 kB\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"no number", "MemTotal: kB\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"nothing behind the label", "MemTotal:\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"word", "MemTotal: much kB\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"negative", "MemTotal: 3 kB\nMemAvailable: -1 kB\n", "MemAvailable:"},
        {"no unit", "MemTotal: 3\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"another unit", "MemTotal: 3 MB\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"more behind the unit", "MemTotal: 3 kB 4\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"2^64 kB", "MemTotal: 18446744073709551616 kB\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"2^64 bytes", "MemTotal: 18014398509481984 kB\nMemAvailable: 1 kB\n", "MemTotal:"},
        {"more available than there is", "MemTotal: 3 kB\nMemAvailable: 4 kB\n", "MemAvailable:"},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            const auto got = parse_memory(row.in);
            BOOST_TEST_REQUIRE(!got.has_value());
            BOOST_TEST((got.error().kind == util::ErrorKind::invalid));
            BOOST_TEST(got.error().message.find(row.named) != std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(collects_two_gauges_in_bytes) {
    const testing::TemporaryDirectory proc;
    proc.write("meminfo", "MemTotal: 3 kB\nMemAvailable: 1 kB\n");
    const auto families = memory_families(proc.path());
    BOOST_TEST_REQUIRE(families.has_value());
    BOOST_TEST_REQUIRE(families->size() == 2U);
    BOOST_TEST((*families)[0].name == "ceymail_memory_used_bytes");
    BOOST_TEST(std::get<std::uint64_t>((*families)[0].samples.at(0).value) == 2048U);
    BOOST_TEST((*families)[1].name == "ceymail_memory_total_bytes");
    BOOST_TEST(std::get<std::uint64_t>((*families)[1].samples.at(0).value) == 3072U);
}

BOOST_AUTO_TEST_CASE(names_the_file_that_is_missing) {
    const testing::TemporaryDirectory proc;
    const auto families = memory_families(proc.path());
    BOOST_TEST_REQUIRE(!families.has_value());
    BOOST_TEST(families.error().message.find("meminfo") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(reads_this_machine) { BOOST_TEST(memory_families("/proc").has_value()); }

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
