// SPDX-License-Identifier: MIT
// from_cursor(), and next_line() on what a journal reader under an attacker's control may send. The input: c and a
// cursor, or any other byte and the lines of a batch.
// fuzz: -max_len=2500
#include <memory>
#include <span>

#include "ceymail/journal/journal.hpp"
#include "ceymail/maillog/parser.hpp"
#include "fuzz/fuzz.hpp"

using namespace ceymail;
using fuzz::require;

namespace {

void try_cursor(std::string_view text) {
    const auto position = journal::from_cursor(text);
    if (position)
        require(journal::from_cursor(journal::to_cursor(*position)) == position, "a cursor is read as written");
}

void try_lines(std::span<const std::byte> lines) {
    static const auto counters = std::make_unique<maillog::Counters>();
    const auto* const end = lines.data() + lines.size();
    while (const auto line = journal::next_line(lines)) {
        require(line->identifier.size() <= journal::k_longest_identifier, "an identifier is bounded");
        require(line->message.size() <= journal::k_longest_message, "a message is bounded");
        require(lines.data() + lines.size() == end, "what is left is the end of the batch");
        maillog::parse_entry(line->identifier, line->message, {}, *counters);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    if (data[0] == 'c') {
        try_cursor(fuzz::text_of(data + 1, size - 1));
    } else {
        try_lines({reinterpret_cast<const std::byte*>(data + 1), size - 1});
    }
    return 0;
}
