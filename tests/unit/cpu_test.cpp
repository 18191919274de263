// SPDX-License-Identifier: MIT
// Processor times out of /proc/stat.
#include "ceymail/collect/cpu.hpp"

#include <boost/test/unit_test.hpp>

#include "support/temporary_folder.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;

BOOST_AUTO_TEST_SUITE(cpu)

BOOST_AUTO_TEST_CASE(adds_up_the_columns_of_every_kernel) {
    const struct {
        const char* label;
        const char* in;
        CpuJiffies want;
    } table[] = {
        {"today's ten columns, guest not added again", "cpu  10 20 30 400 50 6 7 8 9 1\ncpu0 1 1 1 1\n", {450, 531}},
        {"2.6.11: steal, no guest", "cpu  10 20 30 400 50 6 7 8\n", {450, 531}},
        {"2.6.0: no steal", "cpu  10 20 30 400 50 6 7\n", {450, 523}},
        {"2.4: four columns", "cpu  10 20 30 400\n", {400, 460}},
        {"one blank behind the label", "cpu 1 2 3 4\n", {4, 10}},
        {"no line feed at the end", "cpu  1 2 3 4", {4, 10}},
        {"columns of kernels to come", "cpu  1 1 1 1 1 1 1 1 1 1 9 9 9\n", {2, 8}},
        {"not the first line", "page 1 2\ncpu  1 2 3 4\n", {4, 10}},
        {"up to 2^64-1", "cpu  0 0 0 18446744073709551615\n", {UINT64_MAX, UINT64_MAX}},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            const auto got = parse_cpu(row.in);
            BOOST_TEST_REQUIRE(got.has_value());
            BOOST_TEST(got->idle == row.want.idle);
            BOOST_TEST(got->total == row.want.total);
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_cpu_line) {
    const struct {
        const char* label;
        const char* in;
    } table[] = {
        {"empty", ""},
        {"line feeds alone", "\n\n"},
        {"only single processors", "cpu0 1 2 3 4\ncpu1 1 2 3 4\n"},
        {"label alone", "cpu\n"},
        {"label and blank", "cpu \n"},
        {"three columns", "cpu  1 2 3\n"},
        {"the next line does not help out", "cpu  1 2 3\n4 5 6\n"},
        {"word", "cpu  1 2 x 4\n"},
        {"digits and a letter", "cpu  1 2 3 4x\n"},
        {"negative", "cpu  1 2 3 -4\n"},
        {"plus sign", "cpu  1 2 3 +4\n"},
        {"fraction", "cpu  1 2 3 4.5\n"},
        {"carriage return", "cpu  1 2 3 4\r\n"},
        {"bad late column", "cpu  1 2 3 4 5 6 7 steal\n"},
        {"2^64", "cpu  1 2 3 18446744073709551616\n"},
        {"sum beyond 2^64-1", "cpu  1 0 0 18446744073709551615\n"},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            const auto got = parse_cpu(row.in);
            BOOST_TEST_REQUIRE(!got.has_value());
            BOOST_TEST((got.error().kind == util::ErrorKind::invalid));
            BOOST_TEST(got.error().message.find("cpu line") != std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_a_zero_byte_inside) {
    BOOST_TEST(!parse_cpu(std::string_view("cpu  1 2 3 4\0 5", 15)).has_value());
}

struct Proc {
    testing::TemporaryFolder folder;
    CpuCollector collector{folder.path()};

    void stat(const char* text) { folder.write("stat", text); }

    CpuJiffies collected() {
        const auto families = collector.collect({});
        BOOST_TEST_REQUIRE(families.has_value());
        BOOST_TEST_REQUIRE(families->size() == 2U);
        BOOST_TEST((*families)[0].name == "ceymail_cpu_idle_jiffies");
        BOOST_TEST((*families)[1].name == "ceymail_cpu_total_jiffies");
        BOOST_TEST(((*families)[0].type == exposition::MetricType::counter));
        return {std::get<std::uint64_t>((*families)[0].samples.at(0).value),
                std::get<std::uint64_t>((*families)[1].samples.at(0).value)};
    }
};

BOOST_FIXTURE_TEST_CASE(never_steps_back, Proc) {
    stat("cpu  10 0 0 100 50\n");
    BOOST_TEST((collected() == CpuJiffies{150, 160}));
    stat("cpu  11 0 0 100 40\n");
    BOOST_TEST((collected() == CpuJiffies{150, 160}));
    stat("cpu  30 0 0 105 50\n");
    BOOST_TEST((collected() == CpuJiffies{155, 185}));
}

BOOST_FIXTURE_TEST_CASE(names_the_file_that_is_missing, Proc) {
    const auto families = collector.collect({});
    BOOST_TEST_REQUIRE(!families.has_value());
    BOOST_TEST((families.error().kind == util::ErrorKind::not_found));
    BOOST_TEST(families.error().message.find((folder.path() / "stat").string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(reads_this_machine) {
    CpuCollector collector("/proc");
    const auto families = collector.collect({});
    BOOST_TEST_REQUIRE(families.has_value());
    const auto idle = std::get<std::uint64_t>((*families)[0].samples.at(0).value);
    BOOST_TEST(idle > 0U);
    BOOST_TEST(idle < std::get<std::uint64_t>((*families)[1].samples.at(0).value));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
