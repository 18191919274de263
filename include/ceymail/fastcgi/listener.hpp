// SPDX-License-Identifier: MIT
// The listening socket: where it comes from, and how it is made.
#pragma once

#include <string>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::fastcgi {

// Makes and listens on "unix:/path" (mode 0660, group `group` unless empty) or "tcp:ADDRESS:PORT" (loopback
// addresses only, "[::1]" for IPv6: whoever reaches the socket is believed about REMOTE_ADDR). A Unix socket that
// nobody answers on, or whose maker has ended, is replaced; any other fails with conflict, as does a path that is
// something else.
// Until all is set nobody can connect. Never exits, keeps the umask; on failure no socket of ours is left behind.
// Requires that only we may write to the directory of the path. Non-blocking, close-on-exec.
[[nodiscard]] util::Result<util::Fd> make_listener(const std::string& address, const std::string& group);

// The socket handed in by the starter: systemd's (LISTEN_FDS, sd_listen_fds(3), which are removed from the
// environment) or a listening fd 0 (spawn-fcgi, mod_fcgid), which is moved away and replaced by /dev/null.
// not_found where there is none; invalid where there are several or it is no listening stream socket.
[[nodiscard]] util::Result<util::Fd> inherited_listener();

// Moves `listener` to a descriptor above 2 and puts /dev/null in the place of standard input. Close-on-exec.
// Errors: as fcntl(2), open(2) and dup2(2) say.
[[nodiscard]] util::Result<util::Fd> clear_standard_input(util::Fd listener);

// True for a listening socket.
[[nodiscard]] bool listens(int fd) noexcept;

}  // namespace ceymail::fastcgi
