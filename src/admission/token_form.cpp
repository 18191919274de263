// SPDX-License-Identifier: MIT
#include "ceymail/admission/token_form.hpp"

#include <algorithm>

#include "ceymail/admission/new_token.hpp"

namespace ceymail::admission {
namespace {

constexpr std::string_view k_common_prefix = "ceymail_";

// Not <cctype>, which depends on the locale.
constexpr bool is_base64url(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

}  // namespace

bool looks_like_rest_key(std::string_view token) noexcept {
    if (!token.starts_with(k_common_prefix) || token.starts_with(k_token_prefix)) return false;
    token.remove_prefix(k_common_prefix.size());
    return token.size() != k_secret_characters || !std::ranges::all_of(token, is_base64url);
}

}  // namespace ceymail::admission
