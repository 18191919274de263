// SPDX-License-Identifier: MIT
// arrival_of() on any name in a queue directory. A returned time must be the one in the name, and be counted as such.
// fuzz: -max_len=64
#include <limits>
#include <string>

#include "ceymail/collect/arrival_times.hpp"
#include "ceymail/collect/queue_id.hpp"
#include "fuzz/fuzz.hpp"

namespace {

std::string encode(std::uint64_t number, std::size_t digits) {
    constexpr std::string_view k_digits = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz";
    std::string text(digits, '0');
    for (std::size_t i = digits; i > 0; --i, number /= k_digits.size())
        text[i - 1] = k_digits[number % k_digits.size()];
    return text;
}

// Up to the last second that ArrivalTimes distinguishes, a message is before the second after its own, and not before
// its own.
void require_counted(std::chrono::microseconds arrival) {
    using ceymail::fuzz::require;
    constexpr std::chrono::seconds k_last(std::numeric_limits<std::uint32_t>::max());
    ceymail::collect::ArrivalAllowance allowance(ceymail::collect::ArrivalTimes::k_step);
    ceymail::collect::ArrivalTimes times;
    require(times.add(arrival, allowance), "there is room for one");
    times.sort();
    const auto second = std::chrono::floor<std::chrono::seconds>(arrival);
    require(times.before(second) == 0, "nothing arrived before it arrived");
    require(times.before(second + std::chrono::seconds(1)) == (second < k_last ? 1 : 0), "it is older a second later");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ceymail::fuzz::require;
    const auto name = ceymail::fuzz::text_of(data, size);
    const auto arrival = ceymail::collect::arrival_of(name);
    if (!arrival) return 0;
    require(ceymail::collect::is_message_name(name), "a long id is a name of a message");
    require(arrival->count() >= 0, "nothing arrived before 1970");
    const auto microseconds = static_cast<std::uint64_t>(arrival->count());
    const std::size_t separator = name.rfind('z');
    require(separator != name.npos && separator + 1 < name.size(), "an inode stands behind the time");
    require(encode(microseconds / 1'000'000, separator - 4) + encode(microseconds % 1'000'000, 4) ==
                name.substr(0, separator),
            "the time, written again, is the name");
    require_counted(*arrival);
    return 0;
}
