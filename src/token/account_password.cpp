// SPDX-License-Identifier: MIT
// Option files: [group] lines, key=value lines, # and ; comments, quotes around values.
#include "ceymail/token/account_password.hpp"

#include <algorithm>

#include <openssl/crypto.h>
#include <pwd.h>

#include "ceymail/gate/new_token.hpp"
#include "ceymail/token/secret_file.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::token {
namespace {

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view k_space = " \t\r";
    const auto start = text.find_first_not_of(k_space);
    if (start == text.npos) return {};
    return text.substr(start, text.find_last_not_of(k_space) - start + 1);
}

std::string_view unquoted(std::string_view value) {
    const bool in_quotes =
        value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front();
    return in_quotes ? value.substr(1, value.size() - 2) : value;
}

util::Result<util::Secret> make_password(const std::filesystem::path& file, const std::string& owner) {
    auto made = gate::make_token();
    if (!made) return made;
    auto stored = SecretFile::make(file, Existing::refuse);
    if (!stored) return std::unexpected(std::move(stored.error()));
    if (auto written = stored->write({"# Made by ceymail-token init.\n[client]\npassword=", made->reveal(), "\n"});
        !written)
        return std::unexpected(std::move(written.error()));
    if (const passwd* const user = ::getpwnam(owner.c_str()))
        if (auto given = stored->give_to(user->pw_uid, user->pw_gid); !given)
            return std::unexpected(std::move(given.error()));
    if (auto kept = stored->keep(); !kept) return std::unexpected(std::move(kept.error()));
    return made;
}

}  // namespace

util::Result<util::Secret> parse_password(std::string_view option_file, const std::string& file_name) {
    bool in_client = false;
    std::string_view password;
    while (!option_file.empty()) {
        const auto end = std::min(option_file.find('\n'), option_file.size());
        const auto line = trimmed(option_file.substr(0, end));
        option_file.remove_prefix(std::min(end + 1, option_file.size()));
        const auto equals = line.find('=');
        if (line.starts_with('['))
            in_client = line == "[client]";
        else if (in_client && equals != line.npos && trimmed(line.substr(0, equals)) == "password")
            password = unquoted(trimmed(line.substr(equals + 1)));
    }
    if (password.empty())
        return util::fail(util::ErrorKind::invalid, file_name +
                                                        " has no password in its [client] group; add a line "
                                                        "password=..., or remove the file to have one made");
    return util::Secret(password);
}

util::Result<util::Secret> read_or_make_password(const std::filesystem::path& file, const std::string& owner) {
    auto text = util::read_file(file);
    if (!text && text.error().kind == util::ErrorKind::not_found) return make_password(file, owner);
    if (!text) return std::unexpected(std::move(text.error()));
    auto password = parse_password(*text, file.string());
    OPENSSL_cleanse(text->data(), text->size());
    return password;
}

}  // namespace ceymail::token
