// SPDX-License-Identifier: MIT
// open_log: opens a log that strangers may have replaced.
// Process: the gatherer, which hands the descriptors to the log reader.
#pragma once

#include <filesystem>
#include <vector>

#include "ceymail/maillog/position.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::maillog {

// Opens a log read-only, with O_NONBLOCK and O_CLOEXEC. It must be a regular file, and no link; its owner root, a
// system account (a number below 1000) or the user of the process; and others may not write it.
// Errors: not_found: there is none (yet). denied: it cannot be read. conflict: it is none of the above. The path, the
// cause and the remedy are in the message.
[[nodiscard]] util::Result<util::Fd> open_log(const std::filesystem::path& path);

// Opens the files in which a reader may find its place: PATH.1 if logrotate has left it uncompressed, then PATH.
// Returns: the files, oldest first; none where there is no log (yet). A file may be there twice.
// Where PATH is missing, a PATH.1 that is not the file of `last` is left out: it is older than the deleted log.
// Errors: as open_log(), for PATH. What is wrong with PATH.1 is no error: it is left out.
[[nodiscard]] util::Result<std::vector<util::Fd>> open_log_files(const std::filesystem::path& path,
                                                                 const Position& last = {});

}  // namespace ceymail::maillog
