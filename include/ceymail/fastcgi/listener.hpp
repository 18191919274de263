// SPDX-License-Identifier: MIT
// The listening socket: where it comes from, and how it is made.
#pragma once

#include <string>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::fastcgi {

// Makes and listens on "unix:/path" (mode 0660, group `group` unless empty) or "tcp:ADDRESS:PORT" (loopback
// addresses only: whoever reaches the socket is believed about REMOTE_ADDR). A Unix socket that nobody answers on
// is replaced; one that is answered fails with conflict. Never exits, keeps the umask.
[[nodiscard]] util::Result<util::Fd> make_listener(const std::string& address, const std::string& group);

// The socket handed in by the starter: systemd's (LISTEN_FDS, sd_listen_fds(3)) or a listening fd 0 (spawn-fcgi,
// mod_fcgid). not_found where there is none.
[[nodiscard]] util::Result<util::Fd> inherited_listener();

}  // namespace ceymail::fastcgi
