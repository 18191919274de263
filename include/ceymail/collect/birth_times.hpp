// SPDX-License-Identifier: MIT
// BirthTimes: when the files of one directory were created, remembered by name so that each is read once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "ceymail/collect/arrival_times.hpp"

namespace ceymail::collect {

// Returns: when the file `name` in the open directory was created, since the epoch: statx(2), STATX_BTIME. No symbolic
// link is followed. This is when a message arrived: Postfix moves a queue file by rename and never copies it. The
// modification time is not, since Postfix sets it to the next delivery attempt.
// Errors: an errno. ENODATA: the file system has no birth times.
using BirthReader = std::expected<std::chrono::microseconds, int> (*)(int directory, const char* name) noexcept;
[[nodiscard]] std::expected<std::chrono::microseconds, int> birth_of(int directory, const char* name) noexcept;

// 16 bytes a file. A name belongs to one file for ever: a queue id has the microsecond of the arrival and the inode.
//
// The caller updates it in passes over the directory: begin_pass(), then keep() for each name, add() for those that are
// not known, and end_pass().
// Threads: one at a time.
class BirthTimes {
public:
    void begin_pass();

    // Whether the birth of `name` is known.
    [[nodiscard]] bool keep(std::string_view name);
    void add(std::string_view name, std::chrono::microseconds birth);

    // `is_complete`: every name was seen, so files that were not kept do not exist any more and are forgotten.
    void end_pass(bool is_complete);

    [[nodiscard]] std::optional<std::chrono::microseconds> oldest() const;
    [[nodiscard]] std::size_t size() const noexcept { return m_known.size(); }

    // Returns: false if the allowance is used up before all are added.
    [[nodiscard]] bool add_to(ArrivalTimes& arrivals, ArrivalAllowance& allowance) const;

    void forget() noexcept { *this = {}; }

private:
    struct Birth {
        std::uint64_t key;  // hash of the name
        std::chrono::microseconds at;
    };
    [[nodiscard]] std::size_t place_of(std::uint64_t key) const;

    std::vector<Birth> m_known;  // sorted by key
    std::vector<bool> m_kept;    // in this pass, in the order of m_known
    std::vector<Birth> m_added;  // in this pass
};

}  // namespace ceymail::collect
