// SPDX-License-Identifier: MIT
// Validates the bytes of a FastCGI request before libfcgi parses them.
// Source: FastCGI Specification 1.0, 3 and 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ceymail::fastcgi {

// Limits. A scrape needs about 40 parameters and 1.5 KiB.
// Units: bytes, except for the first.
inline constexpr std::size_t k_max_parameters = 128;
inline constexpr std::size_t k_max_name = 256;
inline constexpr std::size_t k_max_value = 16 * 1024;
inline constexpr std::size_t k_max_request = 64 * 1024;  // all records, with headers and padding

enum class Verdict {
    whole,       // BEGIN_REQUEST (responder), PARAMS up to its empty record, STDIN up to its empty record, no more
    incomplete,  // the valid beginning of a request
    malformed,   // must not reach libfcgi
};

struct Validation {
    Verdict verdict = Verdict::incomplete;
    std::uint16_t request_id = 0;          // from BEGIN_REQUEST, needed to answer; 0: not known yet
    bool asks_to_keep_connection = false;  // FCGI_KEEP_CONN, which is not supported
};

// Pure function. `bytes`: all bytes that have arrived on the connection.
// Malformed is: another version, record type (also management records), role or request id; a record that would end
// after k_max_request; PARAMS that end within a parameter; a name that is empty, or contains '=' or NUL; a value with
// NUL; more than a limit; bytes after the end.
// Returns: malformed as soon as the wrong header, length or text has arrived, even if the request is incomplete.
// Security: the input is untrusted.
[[nodiscard]] Validation validate(std::span<const std::byte> bytes) noexcept;

}  // namespace ceymail::fastcgi
