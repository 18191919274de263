// SPDX-License-Identifier: MIT
// FolderListing: what one folder holds, counted without keeping its names.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ceymail/util/clock.hpp"

namespace ceymail::collect {

struct FolderListing {
    std::uint64_t files = 0;                          // regular ones, right in this folder
    std::uint64_t undated = 0;                        // those whose name tells no arrival, where that was asked
    std::optional<std::chrono::microseconds> oldest;  // the earliest arrival that a name tells, where asked
    std::vector<std::string> subfolders;
};

enum class Arrivals { ignored, wanted };

// Whether the file system's word on the type of an entry is taken; a test may say no.
enum class EntryTypes { believed, checked };

struct ListingOrder {
    Arrivals arrivals = Arrivals::ignored;
    EntryTypes types = EntryTypes::believed;
    util::BootTime deadline;
};

// Postfix makes 16 subfolders, one a hexadecimal digit.
inline constexpr std::size_t k_most_subfolders = 4096;

// Reads the open folder `fd` from its position to its end, getdents64(2). `buffer` is for the entries: aligned as
// operator new aligns, 256 KiB serve well, less than 4 KiB may not hold one. An entry is only asked for its type
// with fstatat(2) where the file system does not tell it (DT_UNKNOWN), and never followed if it is a link.
// Entries that go away meanwhile do not count; a folder that goes away is empty.
// Fails with an errno: ETIMEDOUT past the deadline, EMLINK for more than k_most_subfolders, else the system's.
// Any thread, one a descriptor and buffer.
[[nodiscard]] std::expected<FolderListing, int> list_folder(int fd, std::span<std::byte> buffer,
                                                            const ListingOrder& order);

}  // namespace ceymail::collect
