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
#include "ceymail/admission/new_token.hpp"
#include "ceymail/token/secret_file.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::token {
namespace {

using util::Result;
using util::Secret;

// What stands around the secret in a web server's file.
struct Frame {
    std::string_view before, after;
};
constexpr Frame k_nginx{
    "# Made by ceymail-token init --settings. Only root may read this.\nfastcgi_param CEYMAIL_GATEWAY_SECRET \"",
    "\";\n"};
// Not SetEnv: this one is set when the request is passed to the page, so that no other module sees it.
constexpr Frame k_apache{
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
    auto file = SecretFile::make(page, Existing::refuse);
    if (!file) return std::unexpected(std::move(file.error()));
    if (auto written = file->write({made->reveal(), "\n"}); !written)
        return std::unexpected(std::move(written.error()));
    if (auto given = file->give_to(user->pw_uid, user->pw_gid); !given)
        return std::unexpected(std::move(given.error()));
    if (auto kept = file->keep(); !kept) return std::unexpected(std::move(kept.error()));
    return made;
}

// True for a file that holds the secret and is closed to all but its owner.
bool is_as_it_should_be(const std::filesystem::path& path, const Frame& frame, const Secret& secret) {
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
    const bool same = take(frame.before) && take(secret.reveal()) && rest == frame.after;
    OPENSSL_cleanse(text->data(), text->size());
    return same;
}

// Returns: whether it had to be written.
Result<bool> write_frame(const std::filesystem::path& path, const Frame& frame, const Secret& secret) {
    if (is_as_it_should_be(path, frame, secret)) return false;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return util::fail_errno(errno, "cannot replace " + path.string());
    auto file = SecretFile::make(path, Existing::refuse);
    if (!file) return std::unexpected(std::move(file.error()));
    if (auto written = file->write({frame.before, secret.reveal(), frame.after}); !written)
        return std::unexpected(std::move(written.error()));
    if (auto kept = file->keep(); !kept) return std::unexpected(std::move(kept.error()));
    return true;
}

}  // namespace

Result<std::string> prepare_gateway_secret(const std::filesystem::path& page, const std::string& owner) {
    auto secret = admission::read_gateway_secret(page);
    const bool missing = !secret && secret.error().kind == util::ErrorKind::not_found;
    if (missing) secret = make_secret(page, owner);
    if (!secret) return std::unexpected(std::move(secret.error()));
    const auto files = admission::gateway_files(page);
    const auto nginx = write_frame(files.nginx, k_nginx, *secret);
    if (!nginx) return std::unexpected(nginx.error());
    const auto apache = write_frame(files.apache, k_apache, *secret);
    if (!apache) return std::unexpected(apache.error());
    const std::string words = "gateway secret " + page.string();
    if (missing) return words + ": made; reload the web server";
    return words +
           (*nginx || *apache ? ": is there; the web server's files are written anew, reload it" : ": is there");
}

}  // namespace ceymail::token
