// SPDX-License-Identifier: MIT
// Two ends of one socket, as the supervisor makes them for two of its processes.
#pragma once

#include <array>
#include <cerrno>
#include <system_error>

#include <sys/socket.h>

#include "ceymail/util/fd.hpp"

namespace ceymail::testing {

inline void connect_pair(util::Fd& one, util::Fd& other) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    one.reset(ends[0]);
    other.reset(ends[1]);
}

}  // namespace ceymail::testing
