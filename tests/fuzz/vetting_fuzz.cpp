// SPDX-License-Identifier: MIT
// vet() against its slow reference, on whatever libFuzzer thinks of.
#include "ceymail/fastcgi/vetting.hpp"

#include <cstdint>
#include <cstdlib>

#include "support/vetting_reference.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto got = ceymail::fastcgi::vet(std::as_bytes(std::span(data, size)));
    const auto want = ceymail::testing::vet_slowly(text);
    if (got.verdict != want.verdict || got.request_id != want.request_id) std::abort();
    return 0;
}
