// SPDX-License-Identifier: MIT
// Target: the site that a wish means, read and ready to be judged.
#pragma once

#include <filesystem>
#include <string>

#include "ceymail/attachment/host.hpp"
#include "ceymail/attachment/record.hpp"
#include "ceymail/attachment/site_file.hpp"
#include "ceymail/site/editor.hpp"

namespace ceymail::attachment {

struct Target {
    std::filesystem::path named;  // as it was asked for, possibly a symbolic link
    SiteFile file;
    site::Request request;
};

// Errors: EX_NOINPUT: the site or /etc/ceymail.conf is missing; EX_CONFIG: what is in /etc/ceymail.conf; EX_NOPERM.
[[nodiscard]] Outcome<Target> find_target(const Host& host, const Wish& wish);

}  // namespace ceymail::attachment
