// SPDX-License-Identifier: MIT
#include "ceymail/token/gateway_secret.hpp"

#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include <openssl/crypto.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ceymail/admission/gateway_secret.hpp"
#include "ceymail/admission/token_form.hpp"
#include "ceymail/token/secret_file.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::token {
namespace {

using util::Result;
using util::Secret;

// The text around the secret in a web server's file.
struct Template {
    std::string_view before, after;
};
constexpr Template k_nginx{
    "# Made by ceymail-token init --settings. Only root may read this.\nfastcgi_param CEYMAIL_GATEWAY_SECRET \"",
    "\";\n"};
// Not SetEnv: this variable is set only when the request is passed on, so that no other module sees it.
constexpr Template k_apache{
    "# Made by ceymail-token init --settings. Only root may read this.\n"
    "ProxyFCGISetEnvIf \"true\" CEYMAIL_GATEWAY_SECRET \"",
    "\"\n"};

Result<Secret> make_secret(const std::filesystem::path& page, const std::string& owner) {
    const passwd* const user = ::getpwnam(owner.c_str());
    if (user == nullptr)
        return util::fail(util::ErrorKind::not_found, "there is no user \"" + owner + "\" to read " + page.string() +
                                                          "; make it or name another by settings_user =");
    auto made = admission::make_secret();
    if (!made) return made;
    CEYMAIL_TRY(SecretFile::write_new(page, {made->reveal(), "\n"}, user));
    return made;
}

// Whether the file holds the secret, belongs to this user and grants nothing to others.
bool is_up_to_date(const std::filesystem::path& path, const Template& surrounding, const Secret& secret) {
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != ::geteuid() ||
        (status.st_mode & 077) != 0)
        return false;
    auto text = util::read_file(path);
    if (!text) return false;
    std::string_view rest = *text;
    const auto take = [&rest](std::string_view part) {
        const bool there = rest.starts_with(part);
        rest.remove_prefix(there ? part.size() : 0);
        return there;
    };
    const bool same = take(surrounding.before) && take(secret.reveal()) && rest == surrounding.after;
    OPENSSL_cleanse(text->data(), text->size());
    return same;
}

// Returns: whether the file was written.
Result<bool> write_template(const std::filesystem::path& path, const Template& surrounding, const Secret& secret) {
    if (is_up_to_date(path, surrounding, secret)) return false;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return util::fail_errno(errno, "cannot replace " + path.string());
    CEYMAIL_TRY(SecretFile::write_new(path, {surrounding.before, secret.reveal(), surrounding.after}));
    return true;
}

}  // namespace

Result<std::string> prepare_gateway_secret(const std::filesystem::path& page, const std::string& owner) {
    auto secret = admission::read_gateway_secret(page);
    const bool missing = !secret && secret.error().kind == util::ErrorKind::not_found;
    if (missing) secret = make_secret(page, owner);
    if (!secret) return std::unexpected(std::move(secret.error()));
    const auto files = admission::gateway_files(page);
    CEYMAIL_TRY_ASSIGN(const bool nginx, write_template(files.nginx, k_nginx, *secret));
    CEYMAIL_TRY_ASSIGN(const bool apache, write_template(files.apache, k_apache, *secret));
    const std::string words = "gateway secret " + page.string();
    if (missing) return words + ": made; reload the web server";
    return words + (nginx || apache ? ": is there; the web server's files are written again, reload it" : ": is there");
}

}  // namespace ceymail::token
