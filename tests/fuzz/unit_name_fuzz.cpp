// SPDX-License-Identifier: MIT
// is_service_unit_name(): an accepted name is used in a call to systemd and in paths. matches(): without a '*' the
// pattern is the name; a '*' at its end takes any rest.
// fuzz: -max_len=300
#include <string>

#include "ceymail/config/service_entry.hpp"
#include "fuzz/fuzz.hpp"

using ceymail::config::is_service_unit_name;
using ceymail::config::is_service_unit_pattern;
using ceymail::config::matches;
using ceymail::fuzz::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string name(ceymail::fuzz::text_of(data, size));
    const auto [pattern, text] = ceymail::fuzz::cut(name, '\n');
    const bool has_star = pattern.find('*') != pattern.npos;
    require(has_star || matches(pattern, text) == (pattern == text), "without a star: equal");
    require(matches(pattern, pattern), "a pattern matches itself");
    require(matches(std::string(pattern) + '*', std::string(pattern) + std::string(text)), "a star takes the rest");
    if (is_service_unit_pattern(name)) require(!name.starts_with('*') && name.ends_with(".service"), "a pattern");
    if (!is_service_unit_name(name)) return 0;
    require(name.size() <= 255 && name.ends_with(".service"), "a unit name as systemd takes it");
    require(name.find('/') == name.npos, "no other directory");
    for (const char c : name) require(c > ' ' && c < 0x7f, "printable ASCII");
    return 0;
}
