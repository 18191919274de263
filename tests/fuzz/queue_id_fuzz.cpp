// SPDX-License-Identifier: MIT
// arrival_of() on any name in a queue directory. A returned time must be the one in the name.
// fuzz: -max_len=64
#include <string>

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
    return 0;
}
