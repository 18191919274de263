// SPDX-License-Identifier: MIT
// BirthTimes: when the files of one directory were made, remembered by name so that each is asked for once.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

namespace ceymail::collect {

// When the file `name` in the open directory was made, since the epoch: statx(2), STATX_BTIME. A link is not followed.
// It is the arrival of a message: Postfix renames a queue file from queue to queue and never copies it. Its
// modification time is not, since Postfix sets it to the next attempt. Errors: an errno; ENODATA where the file system
// keeps no such time.
using AskBirth = std::expected<std::chrono::microseconds, int> (*)(int directory, const char* name) noexcept;
[[nodiscard]] std::expected<std::chrono::microseconds, int> birth_of(int directory, const char* name) noexcept;

// 16 bytes a file. A name stands for one file for ever: a queue id holds the microsecond of its arrival and its inode,
// which the file system gives to another file only later.
//
// Files come and go, so a directory is gone through in passes: begin_pass(), then keep() for each name, add() for those
// that are not known, and end_pass(). A value; one thread at a time.
class BirthTimes {
public:
    void begin_pass();

    // Whether the birth of `name` is known.
    [[nodiscard]] bool keep(std::string_view name);
    void add(std::string_view name, std::chrono::microseconds birth);

    // `is_whole`: every name was seen, so those that were not kept have gone.
    void end_pass(bool is_whole);

    [[nodiscard]] std::optional<std::chrono::microseconds> oldest() const;
    [[nodiscard]] std::size_t size() const noexcept { return m_known.size(); }
    void forget() noexcept;

private:
    struct Birth {
        std::uint64_t key;  // of the name
        std::chrono::microseconds at;
    };
    [[nodiscard]] std::size_t place_of(std::uint64_t key) const;

    std::vector<Birth> m_known;  // by key
    std::vector<bool> m_kept;    // in this pass, in the order of m_known
    std::vector<Birth> m_added;  // in this pass
};

}  // namespace ceymail::collect
