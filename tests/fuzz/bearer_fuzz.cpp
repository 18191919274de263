// SPDX-License-Identifier: MIT
// parse_bearer() against a second parser of RFC 6750, character by character; and looks_like_rest_key() of its token.
// fuzz: -max_len=600
#include "ceymail/admission/bearer.hpp"

#include <string>
#include <string_view>

#include "ceymail/admission/token_form.hpp"
#include "fuzz/fuzz.hpp"

using ceymail::admission::BearerForm;
using ceymail::fuzz::require;

namespace {

// The token of a valid header; empty for another one, since no token is empty.
std::string token_slowly(std::string_view header) {
    for (const std::string_view both : {"bB", "eE", "aA", "rR", "eE", "rR"}) {
        if (header.empty() || !both.contains(header[0])) return {};
        header.remove_prefix(1);
    }
    std::size_t blanks = 0;
    for (; !header.empty() && header[0] == ' '; header.remove_prefix(1)) ++blanks;
    const std::string token(header);
    const auto letters =
        token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");
    const bool padded = letters == token.npos || token.find_first_not_of('=', letters) == token.npos;
    return blanks > 0 && letters > 0 && padded && token.size() >= 16 && token.size() <= 256 ? token : std::string();
}

// The same for a key of the REST API.
bool is_rest_key_slowly(const std::string& token) {
    if (token.rfind("ceymail_", 0) != 0 || token.rfind("ceymail_metrics_", 0) == 0) return false;
    const auto other = token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
    return token.size() != 8 + 43 || other != token.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto header = ceymail::fuzz::text_of(data, size);
    const auto got = ceymail::admission::parse_bearer(header);
    require((got.form == BearerForm::absent) == header.empty(), "absent is what is empty");
    require(got.token == token_slowly(header), "the token is that of the slow reading");
    require((got.form == BearerForm::token) == !got.token.empty(), "there is a token where it says so");
    require(ceymail::admission::looks_like_rest_key(got.token) == is_rest_key_slowly(std::string(got.token)),
            "a key of the REST API is what the slow reading takes for one");
    return 0;
}
