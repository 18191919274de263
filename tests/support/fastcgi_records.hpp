// SPDX-License-Identifier: MIT
// Writes the records of FastCGI requests, right and wrong ones, and reads those of answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ceymail::testing {

// Records are kept as text, which is easy to cut, join and change.
inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

using Parameters = std::vector<std::pair<std::string, std::string>>;

// One record; record_declaring() writes another content length into its header than the true one.
std::string record(unsigned type, unsigned id, std::string_view content, std::size_t padding = 0, unsigned version = 1);
std::string record_declaring(unsigned type, unsigned id, std::string_view content, std::size_t declared);
std::string begin_request(unsigned id = 1, unsigned role = 1, unsigned flags = 0);

enum class Lengths { shortest, four_octets };
std::string length(std::size_t value, Lengths lengths = Lengths::shortest);
std::string pair(std::string_view name, std::string_view value, Lengths lengths = Lengths::shortest);
std::string pairs(const Parameters& parameters);

// PARAMS with `content` cut into records of at most `piece` bytes, then the empty one.
std::string params(std::string_view content, std::size_t piece = 65535, std::size_t padding = 0, unsigned id = 1);

// BEGIN_REQUEST, PARAMS, an empty STDIN.
std::string request(const Parameters& parameters);

// What nginx sends for a scrape from 192.0.2.7, with all of the stock fastcgi_params.
Parameters scrape_parameters(const std::string& authorization = "Bearer ceymail_0123456789");

struct Answer {
    std::string text;    // all of STDOUT
    bool ended = false;  // END_REQUEST has come, as the last record
    bool valid = true;   // nothing but whole records of one request
};
Answer read_answer(std::string_view bytes);

}  // namespace ceymail::testing
