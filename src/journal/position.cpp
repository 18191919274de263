// SPDX-License-Identifier: MIT
#include "ceymail/journal/position.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "ceymail/util/hex.hpp"

namespace ceymail::journal {
namespace {

using Id = std::array<std::uint8_t, 16>;

template <class Number>
bool parse_hex(std::string_view text, Number& value) noexcept {
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
    return error == std::errc{} && stop == end;
}

bool parse_id(std::string_view text, Id& id) noexcept {
    if (text.size() != 2 * id.size()) return false;
    for (std::size_t i = 0; i < id.size(); ++i)
        if (!parse_hex(text.substr(2 * i, 2), id[i])) return false;
    return true;
}

void append_hex(std::string& text, std::uint64_t value) {
    std::array<char, 16> digits{};
    text.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr);
}

bool parse_part(char name, std::string_view value, Position& position) noexcept {
    switch (name) {
        case 's':
            return parse_id(value, position.seqnum_id);
        case 'i':
            return parse_hex(value, position.seqnum);
        case 'b':
            return parse_id(value, position.boot_id);
        case 'm':
            return parse_hex(value, position.monotonic_us);
        case 't':
            return parse_hex(value, position.realtime_us);
        case 'x':
            return parse_hex(value, position.xor_hash);
        default:
            return false;
    }
}

}  // namespace

std::string to_cursor(const Position& position) {
    auto cursor = "s=" + util::to_hex(position.seqnum_id);
    append_hex(cursor += ";i=", position.seqnum);
    cursor += ";b=" + util::to_hex(position.boot_id);
    append_hex(cursor += ";m=", position.monotonic_us);
    append_hex(cursor += ";t=", position.realtime_us);
    append_hex(cursor += ";x=", position.xor_hash);
    return cursor;
}

std::optional<Position> from_cursor(std::string_view cursor) noexcept {
    constexpr std::string_view k_parts = "sibmtx";
    Position position;
    unsigned found = 0;
    while (!cursor.empty()) {
        const auto part = cursor.substr(0, cursor.find(';'));
        cursor.remove_prefix(std::min(part.size() + 1, cursor.size()));
        if (part.size() < 2 || part[1] != '=') continue;
        if (parse_part(part[0], part.substr(2), position)) found |= 1U << k_parts.find(part[0]);
    }
    if (found != (1U << k_parts.size()) - 1) return std::nullopt;
    position.state = State::at_entry;
    return position;
}

}  // namespace ceymail::journal
