// SPDX-License-Identifier: MIT
// QueueDirectory: what is remembered of one directory of a queue, and of those in it.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ceymail/collect/birth_times.hpp"
#include "ceymail/collect/directory_listing.hpp"
#include "ceymail/collect/directory_stamp.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::collect {

// Owns the records of its subdirectories; `parent` outlives it. Not moved, since they point to it.
struct QueueDirectory {
    QueueDirectory(std::string its_name, Arrivals its_arrivals, const QueueDirectory* its_parent = nullptr);
    QueueDirectory(const QueueDirectory&) = delete;
    QueueDirectory& operator=(const QueueDirectory&) = delete;

    const std::string name;
    const Arrivals arrivals;
    const QueueDirectory* const parent;  // null: the directory is right under the queue directory
    const unsigned depth;                // 0 there

    DirectoryStamp stamp;          // taken before the read that the rest is from
    FileTime stamped_at{};         // the file clock before that
    bool stamped_here = true;      // is_stamped_here()
    bool settled = false;          // whether `stamp` proves, as long as it is the same, that nothing changed
    std::uintmax_t size_hint = 0;  // bytes, as stat(2) told last: grows with the number of entries
    std::uint64_t files = 0;
    bool dated = true;  // these three as in DirectoryListing
    std::optional<std::chrono::microseconds> oldest;
    std::uint64_t times_read = 0;
    BirthTimes births;            // of the files whose names do not tell their arrival
    std::uint64_t births_of = 0;  // the read (times_read) whose files they are all known of; 0: none
    std::vector<DirectoryPosition> landmarks;
    std::vector<std::unique_ptr<QueueDirectory>> subdirectories;

    // Notes what is to be read, under which stamp, and by whose clock.
    void begin_reading(const struct stat& status, FileTime now, bool by_our_clock);

    // Takes over what was read; keeps the records of subdirectories that are still there.
    void adopt(DirectoryListing&& listing);

    // The whole of it, in as many pieces of about the same size as were asked for, or as many as it takes buffers.
    [[nodiscard]] std::vector<DirectoryPart> parts(std::size_t pieces) const;

    // As if never read.
    void forget() noexcept;

    // This directory and all below.
    struct Sum {
        std::uint64_t files = 0;
        std::uint64_t births = 0;  // remembered
        bool dated = true;         // whether the arrivals of all files are known
        std::optional<std::chrono::microseconds> oldest;
    };
    [[nodiscard]] Sum sum() const;

    // Whether the arrivals of all files right in this directory are known.
    [[nodiscard]] bool is_dated() const noexcept { return dated || births_of == times_read; }

    // This directory's births and those of all below.
    void forget_births() noexcept;

    // Relative to the queue directory.
    [[nodiscard]] std::filesystem::path path() const;
};

// Opens the directory `name` in the open directory `above`; a symbolic link of that name is refused with ENOTDIR.
// `flags`: O_RDONLY or O_PATH. Fails with the errno.
[[nodiscard]] std::expected<util::Fd, int> open_subdirectory(int above, const std::string& name, int flags);

// The same for `directory` below the open `queue_directory`, name by name, so that no link on the way leads elsewhere.
[[nodiscard]] std::expected<util::Fd, int> open_directory(int queue_directory, const QueueDirectory& directory,
                                                          int flags);

}  // namespace ceymail::collect
