// SPDX-License-Identifier: MIT
// The runtime directory: where the shared segment and the gatherer's socket live.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::system {

// Requires that it exists; as root, makes it where it is missing, 0755 and owned by config.user. Others may look in
// (the web server must reach its socket), but the segment is 0600 and so is the gatherer's socket.
// not_found: not there, or no such user; invalid: not a directory; else as mkdir(2) and chown(2) say.
[[nodiscard]] util::Result<void> prepare_runtime_directory(const config::Configuration& configuration);

// As root: the directory in it through which the settings page asks the gatherer (report/inquiry.hpp), where it is
// missing and there are both users. As anybody else: nothing; tmpfiles.d(5) makes it. Without it the service works all
// the same.
void prepare_report_directory(const config::Configuration& configuration);

}  // namespace ceymail::system
