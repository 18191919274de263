// SPDX-License-Identifier: MIT
// A new bearer token.
#pragma once

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::gate {

// "ceymail_" and 256 bits of getrandom(2) in base64url (RFC 4648, 5), 43 characters without padding.
[[nodiscard]] util::Result<util::Secret> make_token();

}  // namespace ceymail::gate
