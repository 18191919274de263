// SPDX-License-Identifier: MIT
#include "ceymail/admission/token_form.hpp"

#include <algorithm>

#include "ceymail/admission/new_token.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::admission {
namespace {

constexpr std::string_view k_common_prefix = "ceymail_";

constexpr bool is_base64url(char c) noexcept { return util::is_alphanumeric(c) || c == '-' || c == '_'; }

bool is_secret(std::string_view text) noexcept {
    return text.size() == k_secret_characters && std::ranges::all_of(text, is_base64url);
}

}  // namespace

bool looks_like_rest_key(std::string_view token) noexcept {
    if (!token.starts_with(k_common_prefix) || token.starts_with(k_token_prefix)) return false;
    return !is_secret(token.substr(k_common_prefix.size()));
}

bool looks_like_damaged_token(std::string_view token) noexcept {
    return token.starts_with(k_token_prefix) && !is_secret(token.substr(k_token_prefix.size()));
}

}  // namespace ceymail::admission
