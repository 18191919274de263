// SPDX-License-Identifier: MIT
// Addresses of Unix sockets, unix(7).
#pragma once

#include <filesystem>

#include <sys/socket.h>
#include <sys/un.h>

#include "ceymail/util/result.hpp"

namespace ceymail::util {

// Returns: the address of the socket at `path`.
// Errors: invalid: the path has more than 107 bytes, the most that sockaddr_un holds. The message names the remedy.
[[nodiscard]] Result<sockaddr_un> unix_address(const std::filesystem::path& path);

// connect(2) and bind(2) with such an address. Return: 0, or -1 with errno.
[[nodiscard]] int connect_unix(int fd, const sockaddr_un& address) noexcept;
[[nodiscard]] int bind_unix(int fd, const sockaddr_un& address) noexcept;

}  // namespace ceymail::util
