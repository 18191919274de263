// SPDX-License-Identifier: MIT
// Shared by the fuzz targets. A target is a file NAME_fuzz.cpp with one LLVMFuzzerTestOneInput, and checks what must
// hold for all inputs, not only that nothing crashes. A line `// fuzz: -option=...` gives libFuzzer an option.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace ceymail::fuzz {

// Aborts the program when `holds` is false; libFuzzer then stores the input.
inline void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// The text before the first `separator`, and the text after it.
inline std::pair<std::string_view, std::string_view> cut(std::string_view text, char separator) {
    const auto at = text.find(separator);
    if (at == std::string_view::npos) return {text, {}};
    return {text.substr(0, at), text.substr(at + 1)};
}

}  // namespace ceymail::fuzz
