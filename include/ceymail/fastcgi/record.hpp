// SPDX-License-Identifier: MIT
// Numbers of the FastCGI protocol that this program meets. FastCGI Specification 1.0, 8.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ceymail::fastcgi {

inline constexpr std::uint8_t k_version = 1;
inline constexpr std::size_t k_record_header = 8;  // version, type, request id (2), content length (2), padding, 0
inline constexpr std::size_t k_begin_body = 8;     // role (2), flags, reserved
inline constexpr std::size_t k_max_content = 65535;
inline constexpr std::uint16_t k_role_responder = 1;

enum class RecordType : std::uint8_t {
    begin_request = 1,
    abort_request = 2,
    end_request = 3,
    params = 4,
    standard_input = 5,
    standard_output = 6,
};

}  // namespace ceymail::fastcgi
