// SPDX-License-Identifier: MIT
// is_service_unit_name(): an accepted name is used in a call to systemd and in paths.
// fuzz: -max_len=300
#include <string>

#include "ceymail/collect/systemd_units.hpp"
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ceymail::fuzz::require;
    const std::string name(ceymail::fuzz::text_of(data, size));
    if (!ceymail::collect::is_service_unit_name(name)) return 0;
    require(name.size() <= 255 && name.ends_with(".service"), "a unit name as systemd takes it");
    require(name.find('/') == name.npos, "no other directory");
    for (const char c : name) require(c > ' ' && c < 0x7f, "printable ASCII");
    return 0;
}
