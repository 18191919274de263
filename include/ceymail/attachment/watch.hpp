// SPDX-License-Identifier: MIT
// The units that watch the site: ceymail-attach.path and ceymail-attach.timer.
#pragma once

#include <filesystem>

#include "ceymail/attachment/host.hpp"

namespace ceymail::attachment {

// Enables and starts the units. A site in another directory than those of host.watched gets a drop-in first. Errors are
// logged with the remedy: the site is attached all the same.
void start_watch(const Host& host, const std::filesystem::path& named, const std::filesystem::path& file);

// Disables and stops them, and removes the drop-ins.
void stop_watch(const Host& host);

}  // namespace ceymail::attachment
