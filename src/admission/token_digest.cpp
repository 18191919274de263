// SPDX-License-Identifier: MIT
#include "ceymail/admission/token_digest.hpp"

#include <charconv>

namespace ceymail::admission {

std::optional<util::Digest> parse_digest(std::string_view text) noexcept {
    util::Digest digest{};
    if (text.size() != 2 * digest.size()) return std::nullopt;
    for (std::size_t n = 0; n < digest.size(); ++n) {
        const char* const digits = text.data() + 2 * n;
        if (std::from_chars(digits, digits + 2, digest[n], 16).ptr != digits + 2) return std::nullopt;
    }
    return digest;
}

}  // namespace ceymail::admission
