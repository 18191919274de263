// SPDX-License-Identifier: MIT
// validate() against its slow reference. A whole request that is truncated or extended is incomplete or malformed.
// fuzz: -max_len=4096
#include "ceymail/fastcgi/request_validation.hpp"

#include "fuzz/fuzz.hpp"
#include "support/request_validation_reference.hpp"

using ceymail::fastcgi::validate;
using ceymail::fastcgi::Verdict;
using ceymail::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    const auto got = validate(bytes);
    const auto want = ceymail::testing::vet_slowly(ceymail::fuzz::text_of(data, size));
    require(got.verdict == want.verdict, "the verdict is that of the slow reading");
    require(got.request_id == want.request_id, "the request id is that of the slow reading");
    if (got.verdict == Verdict::whole)
        require(validate(bytes.first(size - 1)).verdict == Verdict::incomplete,
                "a whole request less a byte is incomplete");
    return 0;
}
