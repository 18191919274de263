// SPDX-License-Identifier: MIT
#include "ceymail/admission/bearer.hpp"

#include <algorithm>

#include "ceymail/util/text.hpp"

namespace ceymail::admission {
namespace {

constexpr std::string_view k_scheme = "bearer";
constexpr std::size_t k_shortest_token = 16;
constexpr std::size_t k_longest_token = 256;

constexpr bool is_b64token_character(char c) noexcept {
    return util::is_alphanumeric(c) || std::string_view("-._~+/").contains(c);
}

// b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
bool is_b64token(std::string_view text) noexcept {
    const auto padding = text.find('=');
    const auto body = text.substr(0, padding);
    const auto tail = text.substr(body.size());
    return !body.empty() && std::ranges::all_of(body, is_b64token_character) &&
           tail.find_first_not_of('=') == tail.npos;
}

}  // namespace

Bearer parse_bearer(std::string_view authorization) noexcept {
    if (authorization.empty()) return {};
    const auto blank = authorization.find(' ');
    const auto token_at = authorization.find_first_not_of(' ', blank);
    if (blank == authorization.npos || token_at == authorization.npos) return {BearerForm::malformed, {}};

    const auto token = authorization.substr(token_at);
    const bool valid = util::equals_ignoring_case(k_scheme, authorization.substr(0, blank)) &&
                       token.size() >= k_shortest_token && token.size() <= k_longest_token && is_b64token(token);
    return valid ? Bearer{BearerForm::token, token} : Bearer{BearerForm::malformed, {}};
}

}  // namespace ceymail::admission
