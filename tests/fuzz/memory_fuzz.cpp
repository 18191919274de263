// SPDX-License-Identifier: MIT
// parse_memory() on any /proc/meminfo.
// fuzz: -max_len=1024
#include "ceymail/collect/memory.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ceymail::fuzz::require;
    const auto text = ceymail::fuzz::text_of(data, size);
    const auto got = ceymail::collect::parse_memory(text);
    if (got) {
        require(got->used_bytes <= got->total_bytes, "no more used than there is");
        require(got->used_bytes % 1024 == 0 && got->total_bytes % 1024 == 0, "whole kB");
        require(text.find("MemTotal:") != text.npos && text.find("MemAvailable:") != text.npos, "both lines are there");
    } else {
        require(got.error().kind == ceymail::util::ErrorKind::invalid, "what cannot be read is invalid");
    }
    return 0;
}
