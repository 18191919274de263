// SPDX-License-Identifier: MIT
// A second, slow vet() that shares nothing with the real one: copies the records out, then parses the joined PARAMS.
#pragma once

#include <string_view>

#include "ceymail/fastcgi/vetting.hpp"

namespace ceymail::testing {

fastcgi::Vetting vet_slowly(std::string_view bytes);

}  // namespace ceymail::testing
