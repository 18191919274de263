// SPDX-License-Identifier: MIT
// What no worker may stumble over: one malformed FastCGI request a line, with its name.
#pragma once

#include <string>
#include <vector>

namespace ceymail::testing {

struct LabelledBytes {
    const char* label;
    std::string bytes;
};

[[nodiscard]] const std::vector<LabelledBytes>& malformed_requests();

}  // namespace ceymail::testing
