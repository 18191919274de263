// SPDX-License-Identifier: MIT
// server_error() on any error of a database. The input: a code of two bytes, and its text, which is not terminated.
// fuzz: -max_len=256
#include "ceymail/database/server_error.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ceymail::fuzz::require;
    constexpr std::string_view k_where = "/run/mysqld/mysqld.sock";
    std::uint16_t code = 0;
    if (size < sizeof code) return 0;
    std::memcpy(&code, data, sizeof code);
    const std::vector<char> copy(data + sizeof code, data + size);  // of its own size: one byte more is a finding
    const std::string_view words(copy.data(), copy.size());
    const auto error = ceymail::database::server_error(k_where, "reading", code, words);
    require(error.code == code, "the code is the database's");
    require(error.message.contains("MariaDB at " + std::string(k_where)), "the thing is named");
    // 1062, 1064 and similar errors quote values, which may be secrets.
    constexpr std::array<std::uint16_t, 4> k_quoting{1062, 1064, 1292, 1366};
    if (std::ranges::find(k_quoting, code) != k_quoting.end())
        require(error.message == ceymail::database::server_error(k_where, "reading", code, {}).message,
                "values are not quoted");
    return 0;
}
