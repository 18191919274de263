// SPDX-License-Identifier: MIT
// What holds for parse() without a second parser, so that many inputs are tried: each line counts as one, and lines one
// by one count as all at once.
// The input: as that of maillog_fuzz.cpp, without Fail2ban.
// fuzz: -max_len=1000
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>

#include "ceymail/maillog/parser.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/maillog_tags.hpp"

using namespace ceymail;
using fuzz::require;

namespace {

// All but the window, which is large and not what a text can break.
constexpr std::size_t k_compared = offsetof(maillog::Counters, senders);

void reset(maillog::Counters& counters) { std::memset(static_cast<void*>(&counters), 0, k_compared); }

bool is_equal(const maillog::Counters& one, const maillog::Counters& other) {
    return std::memcmp(&one, &other, k_compared) == 0;
}

void parse_line_by_line(std::string_view lines, maillog::Counters& counters) {
    while (!lines.empty()) {
        const auto [line, others] = fuzz::cut(lines, '\n');
        maillog::parse(lines.substr(0, line.size() + 1), {}, counters);
        lines = others;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto whole = std::make_unique<maillog::Counters>();
    static const auto parts = std::make_unique<maillog::Counters>();
    static std::string lines;
    if (size == 0) return 0;
    fuzz::put_tags(fuzz::text_of(data + 1, size - 1), data[0], lines);
    reset(*whole);
    reset(*parts);
    maillog::parse(lines, {}, *whole);
    parse_line_by_line(lines, *parts);
    require(is_equal(*whole, *parts), "lines one by one count as all at once");
    const auto& counted = whole->lines.values;
    const auto ends = std::ranges::count(lines, '\n') + (lines.empty() || lines.ends_with('\n') ? 0 : 1);
    require(std::accumulate(counted.begin(), counted.end(), std::uint64_t{}) == static_cast<std::uint64_t>(ends),
            "each line counts as one");
    return 0;
}
