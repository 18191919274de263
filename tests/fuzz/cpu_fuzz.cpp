// SPDX-License-Identifier: MIT
// parse_cpu() on any /proc/stat.
// fuzz: -max_len=1024
#include "ceymail/collect/cpu.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ceymail::fuzz::require;
    const auto text = ceymail::fuzz::text_of(data, size);
    const auto got = ceymail::collect::parse_cpu(text);
    if (got) {
        const auto sum = ceymail::collect::sum_of(*got);
        require(sum.idle <= sum.total, "no more idle than there is");
        require(text.find("cpu ") != text.npos, "no numbers out of nothing");
    } else {
        require(got.error().kind == ceymail::util::ErrorKind::invalid, "what cannot be read is invalid");
    }
    return 0;
}
