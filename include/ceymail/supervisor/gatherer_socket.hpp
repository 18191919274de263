// SPDX-License-Identifier: MIT
// The sockets on which workers and the settings page ask the gatherer, and the page the supervisor.
#pragma once

#include <filesystem>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

// A listening SOCK_SEQPACKET socket at snapshot::gatherer_socket_path(), 0600, in place of what a former instance left.
// Requires: lock_instance(), or two supervisors would take each other's questions; a single thread (umask(2)).
[[nodiscard]] util::Result<util::Fd> make_gatherer_socket(const config::Configuration& configuration);

// Another at snapshot::report_socket_path(), for the group of its directory; no descriptor where that directory is not
// there. Requires the same.
[[nodiscard]] util::Result<util::Fd> make_report_socket(const config::Configuration& configuration);

// Another at snapshot::forget_socket_path(), in the same way.
[[nodiscard]] util::Result<util::Fd> make_forget_socket(const config::Configuration& configuration);

}  // namespace ceymail::supervisor
