// SPDX-License-Identifier: MIT
#include "ceymail/shared/segment_header.hpp"

#include <algorithm>
#include <type_traits>

namespace ceymail::shared {

static_assert(std::has_unique_object_representations_v<SegmentHeader>, "every byte is compared");

SegmentHeader make_header(std::uint64_t segment_size, std::string_view boot_id) noexcept {
    SegmentHeader header{.magic = {'C', 'E', 'Y', 'M', 'E', 'T', 'R', '\n'},
                         .version = k_segment_version,
                         .header_size = sizeof(SegmentHeader),
                         .segment_size = segment_size,
                         .boot_id = {}};
    std::ranges::copy(boot_id.substr(0, header.boot_id.size()), header.boot_id.begin());
    return header;
}

std::optional<std::string_view> header_fault(const SegmentHeader& found, const SegmentHeader& expected) noexcept {
    if (found == expected) return std::nullopt;
    if (found.magic != expected.magic) return "is no segment of ceymail-metrics";
    if (found.boot_id != expected.boot_id) return "is of another boot";
    return "is of another version of ceymail-metrics";
}

}  // namespace ceymail::shared
