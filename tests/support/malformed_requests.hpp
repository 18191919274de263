// SPDX-License-Identifier: MIT
// What no worker may stumble over: one malformed FastCGI request a line, with its name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace ceymail::testing {

struct LabelledBytes {
    const char* label;
    std::string bytes;
};

[[nodiscard]] const std::vector<LabelledBytes>& malformed_requests();

// For requests at a cap and beyond it: `count` parameters without a value, and a whole request of exactly `size` bytes,
// all but its frame in STDIN.
[[nodiscard]] std::string many_pairs(std::size_t count);
[[nodiscard]] std::string request_of_size(std::size_t size);

}  // namespace ceymail::testing
