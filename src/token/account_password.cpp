// SPDX-License-Identifier: MIT
// A new password is a token of the same make: it holds nothing that an option file would have to escape.
#include "ceymail/token/account_password.hpp"

#include <pwd.h>

#include "ceymail/admission/new_token.hpp"
#include "ceymail/database/option_file.hpp"
#include "ceymail/token/secret_file.hpp"

namespace ceymail::token {
namespace {

util::Result<util::Secret> make_password(const std::filesystem::path& file, const std::string& owner) {
    auto made = admission::make_token();
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

util::Result<util::Secret> read_or_make_password(const std::filesystem::path& file, const std::string& owner) {
    auto password = database::read_password(file);
    if (!password && password.error().kind == util::ErrorKind::not_found) return make_password(file, owner);
    return password;
}

}  // namespace ceymail::token
