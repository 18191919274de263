// SPDX-License-Identifier: MIT
// Names of files in Postfix's queues, and the arrival time in a long queue id.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace ceymail::collect {

// Whether Postfix regards a file of this name as a message: at least two characters, all of them letters, digits or
// `_`. Source: mail_queue_id_ok() and mail_scan_dir_next(), which enters directories of one character.
[[nodiscard]] bool is_message_name(std::string_view name) noexcept;

// Returns: the arrival time of a long queue id, since the epoch; none for a short id or any other name.
// A long id has digits of base 52 (0-9, B-Z, b-z without vowels): six or more for the seconds, four for the
// microseconds, then `z`, then the inode in the first 51 of those digits. A short id has no seconds: five hexadecimal
// digits of microseconds, then the inode.
// Security: any bytes are accepted. Source: postconf(5), enable_long_queue_ids.
[[nodiscard]] std::optional<std::chrono::microseconds> arrival_of(std::string_view queue_id) noexcept;

// Returns: the earlier of two arrivals, or the only one.
[[nodiscard]] std::optional<std::chrono::microseconds> earlier(std::optional<std::chrono::microseconds> a,
                                                               std::optional<std::chrono::microseconds> b) noexcept;

}  // namespace ceymail::collect
