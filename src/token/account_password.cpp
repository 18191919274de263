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
    CEYMAIL_TRY(SecretFile::write_new(
        file, {"# Made by ceymail-token init.\n[client]\npassword=", made->reveal(), "\n"}, ::getpwnam(owner.c_str())));
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
