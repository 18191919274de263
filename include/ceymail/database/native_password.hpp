// SPDX-License-Identifier: MIT
// The hash by which MariaDB knows a password of mysql_native_password.
#pragma once

#include <string>
#include <string_view>

namespace ceymail::database {

// Returns: "*" and 40 hexadecimal digits: SHA-1 of the SHA-1, as PASSWORD() gives it. SHA-1 is the plug-in's choice; it
// is enough for a password of 256 random bits, and no more than that plug-in offers for another.
// Throws std::bad_alloc.
[[nodiscard]] std::string native_password_hash(std::string_view password);

}  // namespace ceymail::database
