// SPDX-License-Identifier: MIT
// Parses forms and queries, application/x-www-form-urlencoded (WHATWG URL, 5), and cookies.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ceymail::page {

// Takes the text before `separator` out of `text`, and the separator. Without one: all of it.
[[nodiscard]] std::string_view take_until(std::string_view& text, char separator);

// Returns: no value if a name is given twice, there are more than 16 fields, or a % is not followed by two hexadecimal
// digits. Browsers send none of these for the forms of the page. Security: untrusted input.
using Fields = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] std::optional<Fields> parse_fields(std::string_view encoded);

// Returns: the value; empty: there is no such field.
[[nodiscard]] std::string_view field(const Fields& fields, std::string_view name);

// Returns: the value of the cookie `name` in a Cookie header; empty: there is none, or more than one.
// Source: RFC 6265 4.2.
[[nodiscard]] std::string_view cookie_value(std::string_view header, std::string_view name);

}  // namespace ceymail::page
