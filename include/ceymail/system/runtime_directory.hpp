// SPDX-License-Identifier: MIT
// The runtime directory: it holds the shared segment, the lock and the sockets.
#pragma once

#include <string>

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::system {

// Checks that it exists. As root, makes it if it does not, with mode 0755 and owner configuration.user.
// Errors: not_found: it does not exist, or no such user; invalid: not a directory; else as mkdir(2) and chown(2) say.
// Security: other users may enter it, because the web server connects to a socket in it. The segment and the gatherer's
// socket have mode 0600.
// `prefix`: of the names of the two keys in messages, "settings_" for the settings page.
[[nodiscard]] util::Result<void> prepare_runtime_directory(const config::Configuration& configuration,
                                                           const std::string& prefix = {});

// As root: makes snapshot::page_socket_directory() if it does not exist and both users do. As any other user: does
// nothing, because tmpfiles.d(5) makes it. Without it the service works, and the settings page does not show
// collectors.
void prepare_report_directory(const config::Configuration& configuration);

}  // namespace ceymail::system
