// SPDX-License-Identifier: MIT
// SegmentHeader: the first bytes of the shared file, by which a program knows that the rest is its own.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ceymail::shared {

// A change of the layout behind the header needs another one.
inline constexpr std::uint32_t k_segment_version = 5;

// Every byte of it is known beforehand: a reader compares it with what it would write itself. No padding.
struct SegmentHeader {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t header_size;
    std::uint64_t segment_size;
    std::array<char, 40> boot_id;  // /proc/sys/kernel/random/boot_id, filled up with NUL; none in memory (tmpfs)

    friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

// `boot_id`: no more than 40 characters are kept.
[[nodiscard]] SegmentHeader make_header(std::uint64_t segment_size, std::string_view boot_id) noexcept;

// What is wrong with a header that should be `expected`, for "... it <fault>"; no value: nothing.
// `found` is foreign.
[[nodiscard]] std::optional<std::string_view> header_fault(const SegmentHeader& found,
                                                           const SegmentHeader& expected) noexcept;

}  // namespace ceymail::shared
