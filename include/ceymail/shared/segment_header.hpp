// SPDX-License-Identifier: MIT
// SegmentHeader: the first bytes of the segment. They identify its program, version and boot.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ceymail::shared {

// Every change of SegmentLayout needs a new one.
inline constexpr std::uint32_t k_segment_version = 7;

// A reader knows every byte in advance, and compares it with the header that it would write itself. No padding.
struct SegmentHeader {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t header_size;
    std::uint64_t segment_size;
    std::array<char, 40> boot_id;  // /proc/sys/kernel/random/boot_id, padded with NUL; empty on a tmpfs

    friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

// `boot_id`: at most 40 characters are used.
[[nodiscard]] SegmentHeader make_header(std::uint64_t segment_size, std::string_view boot_id) noexcept;

// Returns: the difference between the two, for the message "... it <fault>"; no value where they are equal.
// Security: `found` is untrusted.
[[nodiscard]] std::optional<std::string_view> header_fault(const SegmentHeader& found,
                                                           const SegmentHeader& expected) noexcept;

}  // namespace ceymail::shared
