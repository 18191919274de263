// SPDX-License-Identifier: MIT
// The fields of a form or of a query, application/x-www-form-urlencoded (WHATWG URL, 5).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ceymail::page {

// Foreign input. No value where a name is given twice, there are more than 16, or a % is not followed by two
// hexadecimal digits: a browser sends none of these for our forms.
using Fields = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] std::optional<Fields> parse_fields(std::string_view encoded);

// The value, empty where there is none.
[[nodiscard]] std::string_view field(const Fields& fields, std::string_view name);

// The value of the cookie `name` in a Cookie header (RFC 6265 4.2), empty where there is none or several.
[[nodiscard]] std::string_view cookie_value(std::string_view header, std::string_view name);

}  // namespace ceymail::page
