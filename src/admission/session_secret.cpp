// SPDX-License-Identifier: MIT
#include "ceymail/admission/session_secret.hpp"

#include <algorithm>
#include <optional>

#include <openssl/crypto.h>

#include "ceymail/util/file.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::admission {
namespace {

constexpr std::string_view k_name = "SESSION_SECRET=";
constexpr std::string_view k_remedy =
    "settings_session_secret names the dashboard's file of settings; then run `systemctl daemon-reload && systemctl "
    "restart ceymail-settings`";
constexpr std::size_t k_largest_file = 64 * 1024;
constexpr std::size_t k_shortest = 32, k_longest = 256;
constexpr std::string_view k_blanks = " \t\r";

bool is_secret(std::string_view text) {
    return text.size() >= k_shortest && text.size() <= k_longest && std::ranges::all_of(text, [](char c) {
               return c > ' ' && c < 0x7F && !std::string_view("\"'`#$\\").contains(c);
           });
}

}  // namespace

util::Result<util::Secret> parse_session_secret(std::string_view text, const std::string& file_name) {
    const auto fail = [&](util::ErrorKind kind, std::string_view what) {
        return util::fail(kind, file_name + std::string(what) + "; " + std::string(k_remedy));
    };
    std::optional<std::string_view> found;
    for (const auto whole : util::lines_of(text)) {
        const auto line = util::trimmed(whole, k_blanks);
        if (!line.starts_with(k_name)) continue;
        if (found) return fail(util::ErrorKind::invalid, " has two lines SESSION_SECRET=; keep the one that is used");
        found = util::unquoted(util::trimmed(line.substr(k_name.size()), k_blanks));
    }
    if (!found) return fail(util::ErrorKind::not_found, " has no line SESSION_SECRET=");
    if (!is_secret(*found))
        return fail(util::ErrorKind::invalid,
                    ": the value of SESSION_SECRET is not 32 to 256 printable characters without blanks, quotes, "
                    "'#', '$' and '\\'");
    return util::Secret(*found);
}

util::Result<util::Secret> read_session_secret(const std::filesystem::path& file) {
    auto text = util::read_file(file, k_largest_file);
    if (!text) {
        text.error().message.append("; ").append(k_remedy);
        return std::unexpected(std::move(text.error()));
    }
    auto secret = parse_session_secret(*text, file.string());
    OPENSSL_cleanse(text->data(), text->size());
    return secret;
}

}  // namespace ceymail::admission
