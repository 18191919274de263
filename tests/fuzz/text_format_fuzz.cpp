// SPDX-License-Identifier: MIT
// append_family(): a parser of the format gets any help, label values, numbers and histograms back.
// The input: help, line feed, label values that each end with NUL, each followed by a number of 8 bytes. If the help
// begins with 'h' each is followed by a histogram: a byte for the number of bounds, numbers of 8 bytes for bounds,
// counts and sum.
// fuzz: -max_len=1024
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "ceymail/exposition/text_format.hpp"
#include "fuzz/fuzz.hpp"

using namespace ceymail::exposition;
using ceymail::fuzz::cut;
using ceymail::fuzz::require;

namespace {

std::string unescape(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
            continue;
        }
        require(++i < text.size() && std::string_view("\\n\"").contains(text[i]), "no other escapes");
        out += text[i] == 'n' ? '\n' : text[i];
    }
    return out;
}

// Returns: the end of the quoted text that begins at `from`.
std::size_t closing_quote(std::string_view line, std::size_t from) {
    while (from < line.size() && line[from] != '"') from += line[from] == '\\' ? 2 : 1;
    require(from < line.size(), "the quotes are closed");
    return from;
}

bool reads_back(std::string_view digits, const Value& value) {
    if (const auto* integer = std::get_if<std::uint64_t>(&value)) return digits == std::to_string(*integer);
    const double number = std::get<double>(value);
    if (std::isnan(number)) return digits == "NaN";
    if (std::isinf(number)) return digits == (number > 0 ? "+Inf" : "-Inf");
    double got = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), got);
    return error == std::errc{} && end == digits.data() + digits.size() && std::memcmp(&got, &number, sizeof got) == 0;
}

// Takes NAME{l="LABEL" off the front. Returns: what is behind.
std::string_view behind_label(std::string_view line, const std::string& name, std::string_view label) {
    const auto front = name + "{l=\"";
    require(line.starts_with(front), "name and label stand in front");
    const auto quote = closing_quote(line, front.size());
    require(unescape(line.substr(front.size(), quote - front.size())) == label, "the label value reads back");
    return line.substr(quote + 1);
}

void check_value(std::string_view rest, const Value& value) {
    require(rest.starts_with("} "), "one blank before the number");
    require(reads_back(rest.substr(2), value), "the number reads back");
}

void check_sample(std::string_view line, const Sample& sample) {
    check_value(behind_label(line, "m", sample.labels[0].second), sample.value);
}

// Each bucket counts those below it too; the last one, +Inf, counts all.
void check_histogram(std::string_view& lines, const Histogram& histogram) {
    const auto next = [&] {
        const auto [line, others] = cut(lines, '\n');
        lines = others;
        return line;
    };
    const auto& label = histogram.labels[0].second;
    std::uint64_t values = 0;
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
        values += histogram.counts[i];
        auto rest = behind_label(next(), "m_bucket", label);
        constexpr std::string_view k_bound = ",le=\"";
        require(rest.starts_with(k_bound), "the bound is the last label");
        const auto quote = rest.find('"', k_bound.size());
        require(quote != rest.npos, "the quotes are closed");
        const auto bound = rest.substr(k_bound.size(), quote - k_bound.size());
        const bool is_last = i == histogram.bounds.size();
        require(is_last ? bound == "+Inf" : reads_back(bound, histogram.bounds[i]), "the bound reads back");
        check_value(rest.substr(quote + 1), values);
    }
    check_value(behind_label(next(), "m_sum", label), histogram.sum);
    check_value(behind_label(next(), "m_count", label), values);
}

// Takes bytes off the front of the input; 0 where there are none left.
std::uint64_t take_bits(std::string_view& input, std::size_t bytes = sizeof(std::uint64_t)) {
    std::uint64_t bits = 0;
    input.copy(reinterpret_cast<char*>(&bits), bytes);
    input.remove_prefix(std::min(input.size(), bytes));
    return bits;
}

double take_number(std::string_view& input) {
    const auto bits = take_bits(input);
    double number = 0;
    std::memcpy(&number, &bits, sizeof number);
    return number;
}

Histogram take_histogram(std::string_view label, std::string_view& input) {
    constexpr std::size_t k_most_bounds = 13;
    Histogram histogram{.labels = {{"l", std::string(label)}}, .bounds = {}, .counts = {}};
    for (auto bounds = take_bits(input, 1) % k_most_bounds; bounds > 0; --bounds) {
        const double bound = take_number(input);
        if (std::isfinite(bound)) histogram.bounds.push_back(bound);
    }
    std::ranges::sort(histogram.bounds);
    for (std::size_t i = 0; i <= histogram.bounds.size(); ++i) histogram.counts.push_back(take_bits(input));
    histogram.sum = take_number(input);
    return histogram;
}

MetricFamily family_of(std::string_view text) {
    const auto [help, rest] = cut(text, '\n');
    const bool is_histogram = help.starts_with('h');
    MetricFamily family{.name = "m",
                        .help = std::string(help),
                        .type = is_histogram ? MetricType::histogram : MetricType::gauge,
                        .samples = {}};
    for (auto left = rest; !left.empty();) {
        auto [label, numbers] = cut(left, '\0');
        if (is_histogram) {
            family.histograms.push_back(take_histogram(label, numbers));
            left = numbers;
            continue;
        }
        std::uint64_t bits = 0;
        numbers.copy(reinterpret_cast<char*>(&bits), sizeof bits);
        double number = 0;
        std::memcpy(&number, &bits, sizeof number);
        family.samples.push_back({{{"l", std::string(label)}}, bits % 2 == 0 ? Value(bits) : Value(number)});
        left = numbers.substr(std::min(numbers.size(), sizeof bits));
    }
    return family;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const MetricFamily family = family_of(ceymail::fuzz::text_of(data, size));
    std::string out;
    append_family(out, family);
    if (family.samples.empty() && family.histograms.empty()) {
        require(out.empty(), "a family without samples is not written");
        return 0;
    }
    auto [help, behind_help] = cut(out, '\n');
    require(help.starts_with("# HELP m ") && unescape(help.substr(9)) == family.help, "the help reads back");
    auto [type, left] = cut(behind_help, '\n');
    const bool is_histogram = family.type == MetricType::histogram;
    require(type == (is_histogram ? "# TYPE m histogram" : "# TYPE m gauge"), "the type stands behind the help");
    for (const Histogram& histogram : family.histograms) check_histogram(left, histogram);
    for (const Sample& sample : family.samples) {
        const auto [line, others] = cut(left, '\n');
        check_sample(line, sample);
        left = others;
    }
    require(left.empty() && out.ends_with('\n'), "one line a sample, and those of the histograms");
    return 0;
}
