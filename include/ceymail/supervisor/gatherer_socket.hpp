// SPDX-License-Identifier: MIT
// The listening sockets of the gatherer (for workers and for the settings page) and of the supervisor (for the page).
#pragma once

#include <filesystem>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

// Returns: a listening SOCK_SEQPACKET socket at snapshot::gatherer_socket_path(), mode 0600. It replaces the one that
// an earlier instance left. Errors: as socket(2), bind(2) and listen(2) say. Requires: lock_instance(), or two
// supervisors would replace each other's socket; a single thread (umask(2)).
[[nodiscard]] util::Result<util::Fd> make_gatherer_socket(const config::Configuration& configuration);

// The same at `path`, snapshot::report_socket_path() or forget_socket_path(), mode 0660, for the group of its
// directory. Returns: an empty Fd if the directory does not exist.
[[nodiscard]] util::Result<util::Fd> make_page_socket(const std::filesystem::path& path);

}  // namespace ceymail::supervisor
