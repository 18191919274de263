// SPDX-License-Identifier: MIT
// QueueDirectory: what QueueReader remembers of one directory of a queue, and of its subdirectories.
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

// Owns the records of its subdirectories. It is not moved, since they point to it.
// Requires: `parent` outlives it.
struct QueueDirectory {
    QueueDirectory(std::string its_name, Arrivals its_arrivals, const QueueDirectory* its_parent = nullptr);
    QueueDirectory(const QueueDirectory&) = delete;
    QueueDirectory& operator=(const QueueDirectory&) = delete;

    const std::string name;
    const Arrivals arrivals;
    const QueueDirectory* const parent;  // null: the directory is directly in the queue directory
    const unsigned depth;                // 0 there

    DirectoryStamp stamp;          // taken before the read that the values below come from
    bool settles = false;          // whether it settles the directory once that is read
    bool settled = false;          // whether an equal stamp proves that nothing changed
    std::uintmax_t size_hint = 0;  // bytes, st_size: grows with the number of entries
    Messages messages;             // arrival_times: of those without a date too, once `births` is complete
    std::uint64_t times_read = 0;
    BirthTimes births;            // of the files whose names do not encode their arrival
    std::uint64_t births_of = 0;  // the read (times_read) for which `births` is complete; 0: none
    std::vector<std::unique_ptr<QueueDirectory>> subdirectories;

    // Notes the state of the directory that is read next.
    void begin_reading(const struct stat& status, FileTime now, bool local_timestamps);

    // Takes over a listing. Keeps the records of subdirectories that still exist.
    void adopt(DirectoryListing&& listing);

    // Takes over the births of all files whose names do not encode their arrival. `dated_part`: the listing for which
    // they were read, with the arrivals of the other files.
    void adopt_births(DirectoryListing&& dated_part, ArrivalAllowance& allowance);

    // Sets the state of a directory that does not exist.
    void forget() noexcept;

    // Of this directory and all below.
    struct Sum {
        std::uint64_t files = 0;
        std::uint64_t births = 0;  // remembered
        bool dated = true;         // whether the oldest of all files is known
        std::optional<std::chrono::microseconds> oldest;
        std::uint64_t arrival_times = 0;  // remembered
        bool has_arrival_times = true;    // whether those of all files are
    };
    [[nodiscard]] Sum sum() const;

    // Returns: how many files of this directory and all below arrived before `time`, as far as arrival_times have them.
    [[nodiscard]] std::uint64_t arrived_before(std::chrono::seconds time) const;

    // Whether the arrivals of all files are known, subdirectories not included.
    [[nodiscard]] bool is_dated() const noexcept { return messages.dated || births_of == times_read; }

    // Has those read again, of this directory and all below, whose arrival times had no allowance and have it now.
    // `left`: how many may be remembered yet.
    void read_again_for_arrival_times(std::size_t& left) noexcept;

    // Forgets the births of this directory and all below.
    void forget_births() noexcept;

    // Returns: the path relative to the queue directory.
    [[nodiscard]] std::filesystem::path path() const;
};

// Opens the directory `name` in the open directory `above`. `flags`: O_RDONLY or O_PATH.
// Errors: the errno. ENOTDIR: a symbolic link of that name.
[[nodiscard]] std::expected<util::Fd, int> open_subdirectory(int above, const std::string& name, int flags);

// Opens `directory` below the open `queue_directory`, one component at a time.
// Security: no component may be a symbolic link.
// Errors: as open_subdirectory().
[[nodiscard]] std::expected<util::Fd, int> open_directory(int queue_directory, const QueueDirectory& directory,
                                                          int flags);

}  // namespace ceymail::collect
