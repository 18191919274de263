// SPDX-License-Identifier: MIT
// SecretFile: O_EXCL, fsync(2), rename(2).
#include "ceymail/token/secret_file.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace ceymail::token {
namespace {

std::string words(std::string_view what, const std::filesystem::path& path) {
    return "cannot " + std::string(what) + " " + path.string();
}

}  // namespace

SecretFile::SecretFile(std::filesystem::path target, std::filesystem::path written, util::Fd fd) noexcept
    : m_target(std::move(target)), m_written(std::move(written)), m_fd(std::move(fd)) {}

SecretFile::SecretFile(SecretFile&& other) noexcept
    : m_target(std::move(other.m_target)), m_written(std::exchange(other.m_written, {})), m_fd(std::move(other.m_fd)) {}

SecretFile::~SecretFile() {
    if (!m_written.empty()) ::unlink(m_written.c_str());
}

util::Result<SecretFile> SecretFile::make(const std::filesystem::path& path, Existing existing) {
    auto written = path;
    if (existing == Existing::replace) written += ".new-" + std::to_string(::getpid());
    if (existing == Existing::replace && std::filesystem::is_directory(path))
        return util::fail(util::ErrorKind::conflict, words("replace", path) + ": it is a folder");
    util::Fd fd(::open(written.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd && errno == EEXIST)
        return util::fail(util::ErrorKind::conflict,
                          written.string() + " is there already; name another file, or use --force to replace it",
                          EEXIST);
    if (!fd) return util::fail_errno(errno, words("make", written));
    return SecretFile(path, std::move(written), std::move(fd));
}

util::Result<void> SecretFile::write(const std::vector<std::string_view>& parts) {
    if (auto done = write_all(m_fd.get(), parts, m_written.string()); !done) return done;
    if (::fsync(m_fd.get()) != 0) return util::fail_errno(errno, words("write", m_written));
    return {};
}

util::Result<void> SecretFile::keep() {
    if (m_written != m_target && ::rename(m_written.c_str(), m_target.c_str()) != 0)
        return util::fail_errno(errno, words("replace", m_target));
    m_written.clear();
    return {};
}

util::Result<void> SecretFile::give_to(unsigned uid, unsigned gid) {
    if (::fchown(m_fd.get(), uid, gid) != 0) return util::fail_errno(errno, words("change the owner of", m_written));
    return {};
}

util::Result<void> write_all(int fd, const std::vector<std::string_view>& parts, std::string_view what) {
    for (std::string_view part : parts) {
        while (!part.empty()) {
            const ssize_t written = ::write(fd, part.data(), part.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return util::fail_errno(errno, "cannot write to " + std::string(what));
            part.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    return {};
}

}  // namespace ceymail::token
