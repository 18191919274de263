// SPDX-License-Identifier: MIT
// DirectoryListing: what one directory holds, counted without keeping its names.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ceymail/util/clock.hpp"

namespace ceymail::collect {

// A place between two entries of a directory, d_off of getdents64(2). It stays what it is when entries around it come
// and go, and in another descriptor of the directory: NFS servers live by that.
using DirectoryPosition = std::int64_t;

struct DirectoryPart {
    DirectoryPosition begin = 0;
    std::optional<DirectoryPosition> end{};  // none: to the end of the directory
};

struct DirectoryListing {
    std::uint64_t files = 0;  // messages, right in this directory
    bool dated = true;        // whether each file's name tells its arrival, where that was asked
    std::optional<std::chrono::microseconds> oldest{};  // the earliest of those, where asked
    std::vector<std::string> subdirectories{};

    bool ordered = true;            // whether the positions grew from entry to entry: else the directory cannot be cut
    DirectoryPosition reached = 0;  // of the first entry behind the part, or of the end
    std::vector<DirectoryPosition> landmarks{};  // where each buffer of entries but the first began

    // Adds the part of the same directory that comes next.
    void append(DirectoryListing&& next, const DirectoryPart& part);
};

enum class Arrivals { ignored, wanted };

// Whether the file system's word on the type of an entry is taken; a test may say no.
enum class EntryTypes { believed, checked };

struct ListingOrder {
    Arrivals arrivals = Arrivals::ignored;
    EntryTypes types = EntryTypes::believed;
    util::BootTime deadline;
    DirectoryPart part{};
    // Takes each message whose name does not tell its arrival, where that is wanted; false ends the reading.
    std::function<bool(const char* name)> on_undated{};
};

// Reads a part of the open directory `fd`, getdents64(2), as Postfix's mail_scan_dir does: it enters directories of one
// character and takes regular files that is_message_name(). Others, such as lost+found and NFS's .nfs0123, are not
// looked at. `buffer` is for the entries: aligned as operator new aligns, 64 KiB serve well, less than 4 KiB may not
// hold one. An entry is only asked for its type with fstatat(2) where the file system does not tell it (DT_UNKNOWN),
// and never followed if it is a link. Entries that go away meanwhile do not count; a directory that goes away is empty.
// Fails with an errno: ETIMEDOUT past the deadline, ECANCELED where on_undated said so, else the system's.
// Any thread, one a descriptor and buffer.
[[nodiscard]] std::expected<DirectoryListing, int> list_directory(int fd, std::span<std::byte> buffer,
                                                                  const ListingOrder& order);

}  // namespace ceymail::collect
