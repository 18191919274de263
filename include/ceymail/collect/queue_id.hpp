// SPDX-License-Identifier: MIT
// Names of files in Postfix's queues, and the arrival time that a long queue id bears.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace ceymail::collect {

// Whether Postfix takes a file of this name for a message: at least two characters, all of them letters, digits or `_`.
// Source: mail_queue_id_ok() and mail_scan_dir_next(), which enters directories of one character.
[[nodiscard]] bool is_message_name(std::string_view name) noexcept;

// Since the epoch. postconf(5), enable_long_queue_ids: in digits of base 52 (0-9, B-Z, b-z without vowels) six or
// more for the seconds, four for the microseconds, then `z`, then the inode in the first 51 of those digits.
// A short id (five hexadecimal digits of microseconds, then the inode) tells no second: nothing is returned for
// it, nor for any other name. Names are foreign: any bytes will do.
[[nodiscard]] std::optional<std::chrono::microseconds> arrival_of(std::string_view queue_id) noexcept;

// The earlier of two arrivals, or the one that there is.
[[nodiscard]] std::optional<std::chrono::microseconds> earlier(std::optional<std::chrono::microseconds> a,
                                                               std::optional<std::chrono::microseconds> b) noexcept;

}  // namespace ceymail::collect
