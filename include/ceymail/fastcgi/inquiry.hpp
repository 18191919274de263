// SPDX-License-Identifier: MIT
// inquire(): one request to another responder of this machine, as a web server would send it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::fastcgi {

using ParameterList = std::vector<std::pair<std::string_view, std::string_view>>;

// The status of the answer. `parameters`: each name and value under 64 KiB in all, no body.
// not_found: nobody has made `socket`; denied: it may not be used; timed_out; invalid: what came is no answer.
[[nodiscard]] util::Result<int> inquire(const std::filesystem::path& socket, const ParameterList& parameters,
                                        util::BootTime deadline);

}  // namespace ceymail::fastcgi
