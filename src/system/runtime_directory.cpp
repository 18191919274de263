// SPDX-License-Identifier: MIT
#include "ceymail/system/runtime_directory.hpp"

#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/log.hpp"

#include <cerrno>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ceymail::system {

namespace {

using util::ErrorKind;
using util::Result;

// As CGI this is the web server's user, not configuration.user.
std::string own_user() {
    const passwd* const entry = ::getpwuid(::geteuid());
    return entry != nullptr ? entry->pw_name : std::to_string(::geteuid());
}

Result<void> make_directory(const std::string& path, const std::string& user, const std::string& prefix) {
    const passwd* owner = ::getpwnam(user.c_str());
    if (owner == nullptr) {
        return util::fail(ErrorKind::not_found, "there is no user \"" + user + "\" to own " + path +
                                                    "; make it or name another by " + prefix + "user =");
    }
    if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST)
        return util::fail_errno(errno, "cannot make " + path,
                                "name another directory by " + prefix + "runtime_directory =");
    if (::lchown(path.c_str(), owner->pw_uid, owner->pw_gid) != 0)
        return util::fail_errno(errno, "cannot give " + path + " to " + user);
    if (::chmod(path.c_str(), 0755) != 0) return util::fail_errno(errno, "cannot set the mode of " + path);
    return {};
}

}  // namespace

Result<void> prepare_runtime_directory(const config::Configuration& configuration, const std::string& prefix) {
    const std::string path = configuration.runtime_directory.string();
    struct stat found{};
    if (::stat(path.c_str(), &found) == 0) {
        if (S_ISDIR(found.st_mode)) return {};
        return util::fail(ErrorKind::invalid,
                          path + " is not a directory; remove it or name another by " + prefix + "runtime_directory =");
    }
    if (errno != ENOENT) return util::fail_errno(errno, "cannot look at " + path);
    if (::geteuid() == 0) return make_directory(path, configuration.user, prefix);
    return util::fail(ErrorKind::not_found,
                      "there is no directory " + path + "; make it (install -d -o " + own_user() + " " + path +
                          "), or name another by " + prefix + "runtime_directory =",
                      ENOENT);
}

void prepare_report_directory(const config::Configuration& configuration) {
    const passwd* entry = ::geteuid() == 0 ? ::getpwnam(configuration.settings_user.c_str()) : nullptr;
    if (entry == nullptr) return;
    const gid_t group = entry->pw_gid;
    entry = ::getpwnam(configuration.user.c_str());
    const auto directory = snapshot::page_socket_directory(configuration);
    // Only a new directory: its owner may have replaced an existing one, and root must not give that away.
    if (entry == nullptr || ::mkdir(directory.c_str(), 0700) != 0) return;
    const util::Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd || ::fchown(fd.get(), entry->pw_uid, group) != 0 || ::fchmod(fd.get(), 02750) != 0)
        util::log(util::LogLevel::warning,
                  "cannot give " + directory.string() +
                      " to the settings page, which will not show the collectors: " + std::strerror(errno));
}

}  // namespace ceymail::system
