// SPDX-License-Identifier: MIT
// time_budget() for any X-Prometheus-Scrape-Timeout-Seconds, which is untrusted: at most 5 s.
// fuzz: -max_len=512
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>

#include "ceymail/endpoint/time_budget.hpp"
#include "fuzz/fuzz.hpp"

using namespace std::chrono_literals;
using ceymail::fuzz::require;

namespace {

bool is_decimal(const std::string& text) {
    const bool has_digit = text.find_first_of("0123456789") != text.npos;
    return has_digit && text.find_first_not_of("0123456789.") == text.npos && std::ranges::count(text, '.') <= 1;
}

double wanted_seconds(double asked) { return asked > 0 ? std::clamp(asked - 0.5, 0.1, 5.0) : 5.0; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(ceymail::fuzz::text_of(data, size));
    const auto time = ceymail::endpoint::answer_time(text);
    require(time >= 100ms && time <= 5s, "an answer takes between 100 ms and 5 s");
    const double asked = is_decimal(text) ? std::strtod(text.c_str(), nullptr) : 0;
    const double seconds = std::chrono::duration<double>(time).count();
    // A number outside the range of double may count as missing.
    if (asked == 0 || std::isnormal(asked))
        require(std::abs(seconds - wanted_seconds(asked)) < 1e-6, "it is the scraper's time-out less half a second");
    const ceymail::util::BootTime start{1h};
    const auto budget = ceymail::endpoint::time_budget(start, text);
    require(budget.token > start && budget.token < budget.snapshot && budget.snapshot < start + time,
            "the token is checked before the metrics are due, and those before the answer");
    require(budget.token <= budget.latest_token && budget.latest_token == start + 1200ms,
            "the client's wish does not change the latest time");
    return 0;
}
