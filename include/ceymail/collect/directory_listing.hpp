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

#include "ceymail/collect/arrival_times.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::collect {

// Of one directory, subdirectories not included.
struct Messages {
    std::uint64_t files = 0;
    bool dated = true;                                           // whether each name encodes its arrival, if wanted
    std::optional<std::chrono::microseconds> oldest{};           // the earliest of those arrivals, if wanted
    std::optional<ArrivalTimes> arrival_times = ArrivalTimes{};  // all of them, not sorted; none: no allowance for it
};

struct DirectoryListing : Messages {
    std::vector<std::string> subdirectories{};
};

enum class Arrivals { ignored, wanted };

// Whether the entry type that the file system reports is used. `checked` is for tests.
enum class EntryTypes { trusted, checked };

struct ListingOptions {
    Arrivals arrivals = Arrivals::ignored;
    EntryTypes types = EntryTypes::trusted;
    util::BootTime deadline;
    ArrivalAllowance* allowance = nullptr;  // for arrival_times
    // Called for each message whose name does not encode its arrival, if arrivals are wanted. False ends the reading.
    std::function<bool(const char* name)> on_undated{};
};

// Reads the open directory `fd` from its current offset, getdents64(2), by the rules of Postfix's mail_scan_dir: it
// returns directories of one character and counts regular files that are is_message_name(). It skips all others, such
// as lost+found and .nfs0123, without a system call.
// It calls fstatat(2) only for entries without a type (DT_UNKNOWN), and follows no symbolic link.
// Entries removed meanwhile do not count. A directory removed meanwhile is empty.
// Requires: `buffer` aligned as operator new aligns, and of 4 KiB at least, to hold one entry. 64 KiB are fast.
// Errors: an errno. ETIMEDOUT: past the deadline. ECANCELED: on_undated returned false.
// Threads: any, if each has its own descriptor and buffer.
[[nodiscard]] std::expected<DirectoryListing, int> list_directory(int fd, std::span<std::byte> buffer,
                                                                  const ListingOptions& options);

}  // namespace ceymail::collect
