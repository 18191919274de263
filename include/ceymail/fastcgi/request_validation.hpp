// SPDX-License-Identifier: MIT
// Looks the bytes of a FastCGI request over before libfcgi parses them. FastCGI Specification 1.0, 3 and 5.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ceymail::fastcgi {

// Caps, all in bytes but for the first. A scrape needs about 40 parameters and 1.5 KiB.
inline constexpr std::size_t k_max_parameters = 128;
inline constexpr std::size_t k_max_name = 256;
inline constexpr std::size_t k_max_value = 16 * 1024;
inline constexpr std::size_t k_max_request = 64 * 1024;  // all records, headers and padding included

enum class Verdict {
    whole,       // BEGIN_REQUEST (responder), PARAMS up to its empty record, STDIN up to its empty record, no more
    incomplete,  // the beginning of a request, in which nothing is wrong so far
    malformed,   // never to be handed to libfcgi
};

struct Validation {
    Verdict verdict = Verdict::incomplete;
    std::uint16_t request_id = 0;  // from BEGIN_REQUEST, 0 before it is known: with it a refusal can be answered
    bool asks_to_keep_connection = false;  // FCGI_KEEP_CONN; never done
};

// Pure. `bytes`: all that has arrived on the connection so far, foreign.
// Malformed: another version, another record type (management records too), another role, another request id, a
// record that would end behind k_max_request, PARAMS that end within a parameter, a name of no or too many
// characters or with '=' or NUL in it, a value with NUL, more than a cap, bytes behind the end.
// It is said as soon as the header, length or text that is wrong has arrived, however much is still to come.
[[nodiscard]] Validation validate(std::span<const std::byte> bytes) noexcept;

}  // namespace ceymail::fastcgi
