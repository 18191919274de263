// SPDX-License-Identifier: MIT
// The text format, to the byte.
#include "ceymail/exposition/text_format.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <clocale>
#include <cstdlib>
#include <limits>

namespace {

using namespace ceymail::exposition;

std::string written(const MetricFamily& family) {
    std::string out;
    append_family(out, family);
    return out;
}

std::string written(Value value) {
    std::string out;
    append_value(out, value);
    return out;
}

MetricFamily labelled(std::string label_value) {
    return {"m", "h", MetricType::gauge, {Sample{{{"l", std::move(label_value)}}, std::uint64_t{1}}}};
}

BOOST_AUTO_TEST_SUITE(text_format)

BOOST_AUTO_TEST_CASE(writes_help_type_and_sample_in_this_order) {
    BOOST_TEST(written(single("ceymail_queue_active", "Messages in active.", MetricType::gauge, std::uint64_t{7})) ==
               "# HELP ceymail_queue_active Messages in active.\n"
               "# TYPE ceymail_queue_active gauge\n"
               "ceymail_queue_active 7\n");
}

BOOST_AUTO_TEST_CASE(groups_all_samples_of_a_family_under_one_head) {
    const MetricFamily family{"up",
                              "h",
                              MetricType::counter,
                              {Sample{{{"name", "nginx"}}, std::uint64_t{1}},
                               Sample{{{"name", "postfix"}, {"unit", "x"}}, std::uint64_t{0}}}};
    BOOST_TEST(written(family) ==
               "# HELP up h\n"
               "# TYPE up counter\n"
               "up{name=\"nginx\"} 1\n"
               "up{name=\"postfix\",unit=\"x\"} 0\n");
}

BOOST_AUTO_TEST_CASE(appends_to_what_is_there) {
    std::string out = "before\n";
    append_family(out, single("m", "h", MetricType::gauge, 0.5));
    BOOST_TEST(out == "before\n# HELP m h\n# TYPE m gauge\nm 0.5\n");
}

BOOST_AUTO_TEST_CASE(writes_nothing_of_a_family_without_samples) {
    BOOST_TEST(written({"m", "h", MetricType::gauge, {}}).empty());
}

BOOST_AUTO_TEST_CASE(escapes_backslash_and_line_feed_in_help_and_leaves_quotes) {
    BOOST_TEST(written(single("m", "a\\b\n\"c\" é", MetricType::gauge, std::uint64_t{1})) ==
               "# HELP m a\\\\b\\n\"c\" é\n# TYPE m gauge\nm 1\n");
}

BOOST_AUTO_TEST_CASE(escapes_label_values) {
    const struct {
        const char* label;
        std::string in;
        std::string want;
    } table[] = {
        {"plain", "postfix", "postfix"},
        {"empty", "", ""},
        {"quote", "a\"b", "a\\\"b"},
        {"backslash", "a\\b", "a\\\\b"},
        {"line feed", "a\nb", "a\\nb"},
        {"backslash before n is no line feed", "\\n", "\\\\n"},
        {"quote that would end the label", "\"} 2\nevil 3", "\\\"} 2\\nevil 3"},
        {"UTF-8 stays", "größe", "größe"},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) {
            BOOST_TEST(written(labelled(row.in)) == "# HELP m h\n# TYPE m gauge\nm{l=\"" + row.want + "\"} 1\n");
        }
    }
}

BOOST_AUTO_TEST_CASE(writes_numbers) {
    constexpr double k_infinity = std::numeric_limits<double>::infinity();
    const struct {
        const char* label;
        Value in;
        const char* want;
    } table[] = {
        {"zero", std::uint64_t{0}, "0"},
        {"above 2^53, where a double would round", std::uint64_t{9007199254740993}, "9007199254740993"},
        {"2^64-1", std::numeric_limits<std::uint64_t>::max(), "18446744073709551615"},
        {"fraction", 0.25, "0.25"},
        {"shortest form", 0.1, "0.1"},
        {"negative", -1.5, "-1.5"},
        {"smallest", std::numeric_limits<double>::denorm_min(), "5e-324"},
        {"longest form", -1.7976931348623157e308, "-1.7976931348623157e+308"},
        {"a time with microseconds", 1700000000.123456, "1700000000.123456"},
        {"not a number", std::numeric_limits<double>::quiet_NaN(), "NaN"},
        {"a negative not a number", -std::numeric_limits<double>::quiet_NaN(), "NaN"},
        {"infinity", k_infinity, "+Inf"},
        {"negative infinity", -k_infinity, "-Inf"},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.label) { BOOST_TEST(written(row.in) == row.want); }
    }
}

BOOST_AUTO_TEST_CASE(reads_back_the_same) {
    for (const double number : {1.0 / 3, 6.02214076e23, 1e-7, 123456789.123456789}) {
        BOOST_TEST(std::strtod(written(number).c_str(), nullptr) == number);
    }
}

BOOST_AUTO_TEST_CASE(ignores_the_locale) {
    const std::string before = std::setlocale(LC_ALL, nullptr);
    for (const char* comma : {"de_DE.UTF-8", "fr_FR.UTF-8"}) {
        if (std::setlocale(LC_ALL, comma) == nullptr) continue;  // not generated on every machine
        BOOST_TEST(written(1234.5) == "1234.5");
    }
    std::setlocale(LC_ALL, before.c_str());
}

BOOST_AUTO_TEST_CASE(a_prepared_family_writes_the_same_text) {
    MetricFamily family{"name", "help \\ and\nmore", MetricType::counter, {}};
    family.samples.push_back({{{"label", "a\"b"}, {"other", "c"}}, std::uint64_t{7}});
    family.samples.push_back({{}, 0.5});
    const PreparedFamily prepared(family);
    for (const std::uint64_t first : {std::uint64_t{7}, std::numeric_limits<std::uint64_t>::max()}) {
        family.samples[0].value = first;
        std::string text;
        prepared.append(text, std::array<Value, 2>{first, 0.5});
        BOOST_TEST(text == written(family));
    }
}

MetricFamily histogram_family(std::vector<Histogram> histograms) {
    return {"delay_seconds", "h", MetricType::histogram, {}, std::move(histograms)};
}

BOOST_AUTO_TEST_CASE(a_histogram_has_the_values_up_to_each_bound_then_sum_and_count) {
    const Histogram histogram{{}, {0.1, 3, 86400}, {2, 0, 5, 1}, 90000.25};
    BOOST_TEST(written(histogram_family({histogram})) ==
               "# HELP delay_seconds h\n"
               "# TYPE delay_seconds histogram\n"
               "delay_seconds_bucket{le=\"0.1\"} 2\n"
               "delay_seconds_bucket{le=\"3\"} 2\n"
               "delay_seconds_bucket{le=\"86400\"} 7\n"
               "delay_seconds_bucket{le=\"+Inf\"} 8\n"
               "delay_seconds_sum 90000.25\n"
               "delay_seconds_count 8\n");
}

BOOST_AUTO_TEST_CASE(a_histogram_without_values_has_all_its_series) {
    BOOST_TEST(written(histogram_family({{{}, {1}, {0, 0}, 0}})) ==
               "# HELP delay_seconds h\n"
               "# TYPE delay_seconds histogram\n"
               "delay_seconds_bucket{le=\"1\"} 0\n"
               "delay_seconds_bucket{le=\"+Inf\"} 0\n"
               "delay_seconds_sum 0\n"
               "delay_seconds_count 0\n");
}

BOOST_AUTO_TEST_CASE(the_bound_is_the_last_label_of_each_bucket_and_no_label_of_sum_and_count) {
    const std::vector<Histogram> both{{{{"t", "a\"b"}}, {1}, {1, 0}, 0.5}, {{{"t", "c"}}, {1}, {0, 1}, 2}};
    BOOST_TEST(written(histogram_family(both)) ==
               "# HELP delay_seconds h\n"
               "# TYPE delay_seconds histogram\n"
               "delay_seconds_bucket{t=\"a\\\"b\",le=\"1\"} 1\n"
               "delay_seconds_bucket{t=\"a\\\"b\",le=\"+Inf\"} 1\n"
               "delay_seconds_sum{t=\"a\\\"b\"} 0.5\n"
               "delay_seconds_count{t=\"a\\\"b\"} 1\n"
               "delay_seconds_bucket{t=\"c\",le=\"1\"} 0\n"
               "delay_seconds_bucket{t=\"c\",le=\"+Inf\"} 1\n"
               "delay_seconds_sum{t=\"c\"} 2\n"
               "delay_seconds_count{t=\"c\"} 1\n");
}

BOOST_AUTO_TEST_CASE(writes_nothing_of_a_histogram_family_without_histograms) {
    BOOST_TEST(written(histogram_family({})).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
