// SPDX-License-Identifier: MIT
// A second, slow validate() that shares nothing with the real one: copies the records out, then parses the joined
// PARAMS.
#pragma once

#include <string_view>

#include "ceymail/fastcgi/request_validation.hpp"

namespace ceymail::testing {

fastcgi::Validation vet_slowly(std::string_view bytes);

}  // namespace ceymail::testing
