// SPDX-License-Identifier: MIT
// A new password has the form of a token, so it needs no escaping in an option file.
#include "ceymail/token/account_password.hpp"

#include <pwd.h>

#include "ceymail/admission/token_form.hpp"
#include "ceymail/database/option_file.hpp"
#include "ceymail/token/secret_file.hpp"

namespace ceymail::token {
namespace {

util::Result<util::Secret> make_password(const std::filesystem::path& file, const std::string& owner) {
    auto made = admission::make_token();
    if (!made) return made;
    CEYMAIL_TRY_ASSIGN(auto stored, SecretFile::make(file, Existing::refuse));
    if (auto written = stored.write({"# Made by ceymail-token init.\n[client]\npassword=", made->reveal(), "\n"});
        !written)
        return std::unexpected(std::move(written.error()));
    if (const passwd* const user = ::getpwnam(owner.c_str()))
        CEYMAIL_TRY(stored.change_owner(user->pw_uid, user->pw_gid));
    CEYMAIL_TRY(stored.keep());
    return made;
}

}  // namespace

util::Result<util::Secret> read_or_make_password(const std::filesystem::path& file, const std::string& owner,
                                                 std::string_view key) {
    auto password = database::read_password(file, key);
    if (!password && password.error().kind == util::ErrorKind::not_found) return make_password(file, owner);
    return password;
}

}  // namespace ceymail::token
