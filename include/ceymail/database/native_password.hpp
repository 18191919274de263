// SPDX-License-Identifier: MIT
// The password hash of mysql_native_password.
#pragma once

#include <string>
#include <string_view>

namespace ceymail::database {

// Returns: "*" and 40 hexadecimal digits, the SHA-1 of the SHA-1, like PASSWORD().
// Errors: throws std::bad_alloc.
// Security: the plug-in prescribes SHA-1, which is sufficient for a password of 256 random bits.
[[nodiscard]] std::string native_password_hash(std::string_view password);

}  // namespace ceymail::database
