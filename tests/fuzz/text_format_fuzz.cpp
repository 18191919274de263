// SPDX-License-Identifier: MIT
// append_family(): a parser of the format gets any help, label values and numbers back.
// The input: help, line feed, label values that each end with NUL, each followed by a number of 8 bytes.
// fuzz: -max_len=1024
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

void check_sample(std::string_view line, const Sample& sample) {
    constexpr std::string_view k_front = "m{l=\"";
    require(line.starts_with(k_front), "name and label stand in front");
    const auto quote = closing_quote(line, k_front.size());
    require(unescape(line.substr(k_front.size(), quote - k_front.size())) == sample.labels[0].second,
            "the label value reads back");
    require(line.substr(quote, 3) == "\"} ", "one blank before the number");
    require(reads_back(line.substr(quote + 3), sample.value), "the number reads back");
}

MetricFamily family_of(std::string_view text) {
    const auto [help, rest] = cut(text, '\n');
    MetricFamily family{.name = "m", .help = std::string(help), .type = MetricType::gauge, .samples = {}};
    for (auto left = rest; !left.empty();) {
        auto [label, numbers] = cut(left, '\0');
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
    if (family.samples.empty()) {
        require(out.empty(), "a family without samples is not written");
        return 0;
    }
    auto [help, behind_help] = cut(out, '\n');
    require(help.starts_with("# HELP m ") && unescape(help.substr(9)) == family.help, "the help reads back");
    auto [type, left] = cut(behind_help, '\n');
    require(type == "# TYPE m gauge", "the type stands behind the help");
    for (const Sample& sample : family.samples) {
        const auto [line, others] = cut(left, '\n');
        check_sample(line, sample);
        left = others;
    }
    require(left.empty() && out.ends_with('\n'), "one line a sample");
    return 0;
}
