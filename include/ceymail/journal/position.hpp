// SPDX-License-Identifier: MIT
// Position: up to which entry systemd's journal was read.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace ceymail::journal {

enum class State : std::uint32_t {
    none,     // the journal is not the source of the mail log, or was never looked at
    since,    // no entry was read yet: those after `realtime_us` are to be read
    at_entry  // this entry was read
};

// Plain data without padding; all bytes zero is `none`. Any value of its bytes is safe to use.
// Numbers rather than the text of a cursor: the log reader may be under an attacker's control, and the process that
// opens the journal gets nothing from it that has to be parsed.
// Units: microseconds; those of realtime and checked since 1970.
struct Position {
    std::array<std::uint8_t, 16> seqnum_id{};
    std::array<std::uint8_t, 16> boot_id{};
    std::uint64_t seqnum = 0;
    std::uint64_t monotonic_us = 0;
    std::uint64_t realtime_us = 0;
    std::uint64_t xor_hash = 0;
    std::uint64_t checked_us = 0;  // when the journal was last known to be read to its end
    State state = State::none;
    std::uint32_t reserved = 0;

    // Returns: whether both are the same entry. Its sequence number is another one in another file.
    [[nodiscard]] bool is_same_entry(const Position& other) const noexcept {
        return boot_id == other.boot_id && monotonic_us == other.monotonic_us && realtime_us == other.realtime_us &&
               xor_hash == other.xor_hash;
    }
    friend bool operator==(const Position&, const Position&) = default;
};

static_assert(std::is_trivially_copyable_v<Position> && std::has_unique_object_representations_v<Position>);

// The cursor of an entry. Source: sd_journal_get_cursor(3); the form is that of systemd 247 to 259.
[[nodiscard]] std::string to_cursor(const Position& position);
// Returns: the position, at_entry; no value where a part is missing. Parts that are not known are left out.
[[nodiscard]] std::optional<Position> from_cursor(std::string_view cursor) noexcept;

}  // namespace ceymail::journal
