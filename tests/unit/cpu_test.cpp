// SPDX-License-Identifier: MIT
// Processor times out of /proc/stat.
#include "ceymail/collect/cpu.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;
using namespace std::chrono_literals;

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
        {"two lines, the first all zeros", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu  1 2 3 4 5 0 0 0\n", {9, 15}},
        {"two lines, the first all zeros, processors between", "cpu  0 0 0 0\ncpu0 7 7 7 7\ncpu  1 2 3 4\n", {4, 10}},
        {"two lines, both with numbers", "cpu  1 2 3 4\ncpu  5 6 7 8\n", {4, 10}},
        {"all zeros, as in a container that just began", "cpu  0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0\n", {0, 0}},
        {"up to 2^64-1", "cpu  0 0 0 18446744073709551615\n", {UINT64_MAX, UINT64_MAX}},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            const auto got = parse_cpu(row.in);
            BOOST_TEST_REQUIRE(got.has_value());
            BOOST_TEST(sum_of(*got).idle == row.want.idle);
            BOOST_TEST(sum_of(*got).total == row.want.total);
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
        {"zeros, then a bad line", "cpu  0 0 0 0\ncpu  1 2 x 4\n"},
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

CpuTimes reading(const char* columns) { return parse_cpu("cpu  " + std::string(columns) + "\n").value(); }

// What is served after each of the readings, which are 15 s apart unless `apart` says otherwise.
std::vector<CpuJiffies> served(const std::vector<const char*>& readings, std::chrono::nanoseconds apart = 15s,
                               unsigned processors = 4) {
    std::optional<CpuState> state;
    std::vector<CpuJiffies> all;
    for (const char* columns : readings) {
        state = advance(state, reading(columns), apart, processors);
        all.push_back(state->sum);
    }
    return all;
}

BOOST_AUTO_TEST_CASE(goes_on_where_the_kernel_steps_back) {
    const struct {
        const char* label;
        std::vector<const char*> readings;
        std::vector<CpuJiffies> want;
    } table[] = {
        {"as it should be", {"10 0 5 100 20", "20 0 6 200 30"}, {{120, 135}, {230, 256}}},
        {"the first reading is served as it is",
         {"0 0 0 1000000000000000000"},
         {{1000000000000000000U, 1000000000000000000U}}},
        {"processors go offline",
         {"400600 0 100150 4005250", "401200 0 100300 3010500", "401800 0 100450 3013500"},
         {{4005250, 4506000}, {4005250, 4506750}, {4008250, 4510500}}},
        {"processors go offline and come back",
         {"1000 0 0 50000", "1000 0 0 30000", "1000 0 0 50000", "1000 0 0 50100"},
         {{50000, 51000}, {50000, 51000}, {50000, 51000}, {50100, 51100}}},
        {"a container is restarted",
         {"5000 0 5000 90000", "10 0 20 300", "20 0 40 600"},
         {{90000, 100000}, {90000, 100000}, {90300, 100330}}},
        {"everything is zero once",
         {"5000 0 0 9000", "0 0 0 0", "10 0 0 20"},
         {{9000, 14000}, {9000, 14000}, {9020, 14030}}},
        {"iowait steps back and returns",
         {"0 0 0 100 50", "0 0 0 100 40", "0 0 0 105 50"},
         {{150, 150}, {150, 150}, {155, 155}}},
        {"an idle period leaves iowait for idle",
         {"0 0 0 9000 5000", "0 0 0 11000 3010"},
         {{14000, 14000}, {14010, 14010}}},
        {"a field flickers by 3 s",
         {"1000 0 0 1000", "700 0 0 1100", "1010 0 0 1200"},
         {{1000, 2000}, {1100, 2100}, {1200, 2210}}},
        {"a field falls by more",
         {"1000 0 0 1000", "699 0 0 1100", "709 0 0 1200"},
         {{1000, 2000}, {1100, 2100}, {1200, 2210}}},
        {"one reading of about 10^18",
         {"10 0 0 100", "20 0 0 999999999999999999", "30 0 0 300", "40 0 0 400"},
         {{100, 110}, {100, 110}, {100, 120}, {200, 230}}},
        {"a container sees more processors from now on",
         {"100 0 0 1000", "90000000 0 0 900000000", "90000010 0 0 900000100"},
         {{1000, 1100}, {1000, 1100}, {1100, 1210}}},
        {"up to the end of the numbers",
         {"0 0 0 18446744073709551600", "0 0 0 0", "0 0 0 10", "0 0 0 20"},
         {{18446744073709551600U, 18446744073709551600U},
          {18446744073709551600U, 18446744073709551600U},
          {18446744073709551610U, 18446744073709551610U},
          {18446744073709551610U, 18446744073709551610U}}},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            const auto got = served(row.readings);
            for (std::size_t i = 0; i < row.want.size(); ++i) {
                BOOST_TEST(got[i].idle == row.want[i].idle, "idle of reading " << i << ": " << got[i].idle);
                BOOST_TEST(got[i].total == row.want[i].total, "total of reading " << i << ": " << got[i].total);
            }
        }
    }
}

// Twice what the processors can do in the time, and in a second more for readings close together.
BOOST_AUTO_TEST_CASE(ignores_more_than_the_processors_can_do_in_the_time) {
    const struct {
        const char* label;
        std::chrono::nanoseconds elapsed;
        unsigned processors;
        std::uint64_t jiffies;
        bool counts;
    } table[] = {
        {"15 s of 4 processors", 15s, 4, 6000, true},
        {"twice that", 15s, 4, 12000, true},
        {"much more", 15s, 4, 13600, false},
        {"two readings at once", 0s, 4, 800, true},
        {"two readings at once, much more", 0s, 4, 1600, false},
        {"a year of 8192 processors", 365 * 24h, 8192, 8192ULL * 365 * 86400 * 100, true},
        {"ten times that", 365 * 24h, 8192, 10 * 8192ULL * 365 * 86400 * 100, false},
    };
    for (const auto& row : table) {
        const CpuState before{{}, {500, 500}};
        const auto after = advance(before, {0, 0, 0, row.jiffies, 0, 0, 0}, row.elapsed, row.processors);
        BOOST_TEST((after.sum.total != before.sum.total) == row.counts, row.label);
        BOOST_TEST(after.last[k_cpu_idle] == row.jiffies, row.label);
    }
}

BOOST_AUTO_TEST_CASE(a_reading_from_before_changes_nothing) {
    const CpuState state{{1, 2, 3, 4, 5, 6, 7}, {40, 50}};
    BOOST_TEST((advance(state, {9, 9, 9, 9, 9, 9, 9}, -1ns, 4) == state));
}

// Whatever the kernel says: no step back, and never more idle than there is.
BOOST_AUTO_TEST_CASE(never_steps_back_whatever_is_read) {
    std::mt19937_64 random(11);
    std::optional<CpuState> state;
    for (int i = 0; i < 100'000; ++i) {
        CpuTimes now{};
        for (auto& field : now) field = random() >> (4 + random() % 60);
        const auto before = state.value_or(CpuState{}).sum;
        state = advance(state, now, std::chrono::seconds(random() % 100'000), 64);
        BOOST_TEST_REQUIRE(state->sum.total >= before.total);
        BOOST_TEST_REQUIRE(state->sum.idle >= before.idle);
        BOOST_TEST_REQUIRE(state->sum.idle <= state->sum.total);
    }
}

util::BootTime hands;

struct Proc {
    testing::TemporaryDirectory directory;
    std::unique_ptr<util::KeptRecord> record = std::make_unique<util::KeptRecord>();
    CpuTally tally;

    Proc() {
        hands = util::BootTime{1000s};
        restart();
    }
    void restart() { tally = tallied_in(*record); }
    void stat(const std::string& text) {
        hands += 15s;
        directory.write("stat", text);
    }

    CpuJiffies collected() {
        const auto families = cpu_families(directory.path(), tally, hands);
        BOOST_TEST_REQUIRE(families.has_value());
        BOOST_TEST_REQUIRE(families->size() == 2U);
        BOOST_TEST((*families)[0].name == "ceymail_cpu_idle_jiffies");
        BOOST_TEST((*families)[1].name == "ceymail_cpu_total_jiffies");
        BOOST_TEST(((*families)[0].type == exposition::MetricType::counter));
        return {std::get<std::uint64_t>((*families)[0].samples.at(0).value),
                std::get<std::uint64_t>((*families)[1].samples.at(0).value)};
    }
};

// The total has user's increment, though idle and iowait are read too low once.
BOOST_FIXTURE_TEST_CASE(never_steps_back, Proc) {
    stat("cpu  10 0 0 100 50\n");
    BOOST_TEST((collected() == CpuJiffies{150, 160}));
    stat("cpu  11 0 0 100 40\n");
    BOOST_TEST((collected() == CpuJiffies{150, 161}));
    stat("cpu  30 0 0 105 50\n");
    BOOST_TEST((collected() == CpuJiffies{155, 185}));
}

BOOST_FIXTURE_TEST_CASE(goes_on_after_a_restart, Proc) {
    stat("cpu  1000 0 0 5000 0\n");
    BOOST_TEST((collected() == CpuJiffies{5000, 6000}));
    restart();
    stat("cpu  1001 0 0 2000 0\n");  // fell while nobody looked
    BOOST_TEST((collected() == CpuJiffies{5000, 6001}));
    restart();
    stat("cpu  1101 0 0 2200 0\n");  // what passed meanwhile counts
    BOOST_TEST((collected() == CpuJiffies{5200, 6301}));
}

// Of two that read at once, as CGI, the one that read first may store last.
BOOST_FIXTURE_TEST_CASE(an_older_reading_that_is_stored_later_changes_nothing, Proc) {
    BOOST_TEST((*tally(reading("0 0 0 1000"), hands) == CpuJiffies{1000, 1000}));
    BOOST_TEST((*tally(reading("0 0 0 5000"), hands + 15s) == CpuJiffies{5000, 5000}));
    BOOST_TEST((*tally(reading("0 0 0 3000"), hands + 7s) == CpuJiffies{5000, 5000}));
    BOOST_TEST((*tally(reading("0 0 0 6000"), hands + 20s) == CpuJiffies{6000, 6000}));
}

BOOST_FIXTURE_TEST_CASE(once_the_reading_is_served_as_it_is, Proc) {
    tally = untallied();
    for (const auto* text : {"cpu  1 0 0 1000\n", "cpu  1 0 0 10\n"}) {
        stat(text);
        BOOST_TEST((collected() == sum_of(parse_cpu(text).value())));
    }
}

BOOST_FIXTURE_TEST_CASE(reads_the_first_lines_alone_of_a_machine_with_8192_processors, Proc) {
    std::string text = "cpu  1 2 3 4 0 0 0 0 0 0\n";
    while (text.size() < 1'200'000) text += "cpu8191 1000000 2000000 3000000 400000000 0 0 0 0 0 0\n";
    stat(text);
    BOOST_TEST((collected() == CpuJiffies{4, 10}));
}

BOOST_FIXTURE_TEST_CASE(takes_no_number_that_the_end_of_what_it_reads_cuts_short, Proc) {
    const std::string zeros = "cpu  0 0 0 0\n";
    for (std::size_t cut = 1; cut < 40; ++cut) {
        std::string text = zeros + std::string(16'384 - zeros.size() - cut - 1, 'x') + "\n";
        stat(text + "cpu  1111 2222 3333 444444444444\n");
        BOOST_TEST_REQUIRE((collected() == CpuJiffies{0, 0}), cut);
    }
}

BOOST_FIXTURE_TEST_CASE(names_the_file_that_is_missing, Proc) {
    const auto families = cpu_families(directory.path(), tally, hands);
    BOOST_TEST_REQUIRE(!families.has_value());
    BOOST_TEST((families.error().kind == util::ErrorKind::not_found));
    BOOST_TEST(families.error().message.find((directory.path() / "stat").string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(reads_this_machine) {
    const auto families = cpu_families("/proc", untallied(), util::BootClock::now());
    BOOST_TEST_REQUIRE(families.has_value());
    const auto idle = std::get<std::uint64_t>((*families)[0].samples.at(0).value);
    BOOST_TEST(idle > 0U);
    BOOST_TEST(idle < std::get<std::uint64_t>((*families)[1].samples.at(0).value));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
