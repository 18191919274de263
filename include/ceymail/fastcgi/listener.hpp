// SPDX-License-Identifier: MIT
// Makes or inherits the listening socket.
#pragma once

#include <string>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::fastcgi {

// Listens on "unix:/path" (mode 0660, group `group` unless empty) or "tcp:ADDRESS:PORT" (loopback, "[::1]" for IPv6).
// Replaces a Unix socket on which no process answers, or whose creator has exited.
// Returns: a non-blocking, close-on-exec socket.
// Errors: conflict: another program answers, or the path is no socket; invalid; not_found: no such group; others as the
// system calls. After an error no new socket file remains.
// Requires: only this user may write to the directory of the path.
// Security: a peer can state any REMOTE_ADDR, so TCP is restricted to loopback. No process can connect before group and
// mode are set.
[[nodiscard]] util::Result<util::Fd> make_listener(const std::string& address, const std::string& group);

// Returns: the inherited socket: systemd's, or a listening descriptor 0 (spawn-fcgi, mod_fcgid). Removes LISTEN_FDS
// from the environment. Replaces descriptor 0 by /dev/null.
// Errors: not_found: none is inherited; invalid: several sockets, or not a listening stream socket.
// Source: sd_listen_fds(3).
[[nodiscard]] util::Result<util::Fd> inherited_listener();

// Moves `listener` to a descriptor above 2 and puts /dev/null in the place of standard input. Close-on-exec.
// Errors: as fcntl(2), open(2) and dup2(2) say.
[[nodiscard]] util::Result<util::Fd> clear_standard_input(util::Fd listener);

// True when `fd` is a listening socket.
[[nodiscard]] bool listens(int fd) noexcept;

}  // namespace ceymail::fastcgi
