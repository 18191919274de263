// SPDX-License-Identifier: MIT
// The FastCGI records that this program reads and writes.
// Source: FastCGI Specification 1.0, 3 and 8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ceymail::fastcgi {

inline constexpr std::uint8_t k_version = 1;
inline constexpr std::size_t k_record_header = 8;  // version, type, request id (2), content length (2), padding, 0
inline constexpr std::size_t k_begin_body = 8;     // role (2), flags, reserved
inline constexpr std::size_t k_max_content = 65535;
inline constexpr std::uint16_t k_role_responder = 1;
inline constexpr std::uint8_t k_keep_connection = 1;  // flag

enum class RecordType : std::uint8_t {
    begin_request = 1,
    end_request = 3,
    params = 4,
    standard_input = 5,
    standard_output = 6,
};

// Appends the whole answer to `out`: `text` as STDOUT, the end of STDOUT, and END_REQUEST (complete, status 0).
void append_answer(std::uint16_t request_id, std::string_view text, std::string& out);

}  // namespace ceymail::fastcgi
