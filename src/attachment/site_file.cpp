// SPDX-License-Identifier: MIT
#include "ceymail/attachment/site_file.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <vector>

#include <fcntl.h>
#include <sys/xattr.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::attachment {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_most_bytes = 4U << 20;
constexpr mode_t k_permissions = 07777;

std::unexpected<Failure> failed_errno(int exit_code, int error, const std::string& what, std::string_view remedy = {}) {
    return failed(exit_code, util::fail_errno(error, what, remedy).error());
}

std::string_view kind_of(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISSOCK(mode)) return "a socket";
    return S_ISCHR(mode) || S_ISBLK(mode) ? "a device" : "no regular file";
}

Outcome<fs::path> without_links(const fs::path& path) {
    std::error_code code;
    auto real = fs::canonical(path, code);
    const int error = code.value();
    if (error == 0) return real;
    const auto what = "cannot read the site " + path.string();
    if (error == ELOOP) return failed(EX_NOINPUT, what + ": its symbolic links lead in a circle; make the link again");
    struct stat status{};
    if (error == ENOENT && ::lstat(path.c_str(), &status) == 0)
        return failed(EX_NOINPUT, what + ": it is a symbolic link to a file that does not exist");
    return failed_errno(EX_NOINPUT, error, what, error == ENOENT ? "name the site's file with --site" : "");
}

Outcome<std::string> read_all(const util::Fd& fd, const fs::path& path) {
    std::string text;
    std::array<char, 16384> bytes{};
    for (off_t at = 0;;) {
        const ssize_t got = ::pread(fd.get(), bytes.data(), bytes.size(), at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed_errno(EX_IOERR, errno, "cannot read the site " + path.string());
        if (got == 0) return text;
        text.append(bytes.data(), static_cast<std::size_t>(got));
        at += got;
        if (text.size() > k_most_bytes)
            return failed(EX_NOINPUT, "cannot read the site " + path.string() + ": it is longer than 4 MiB");
    }
}

bool same(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

std::unexpected<Failure> write_fault(const fs::path& path, int error) {
    const char* remedy = "it is unchanged";
    if (error == ENOSPC || error == EDQUOT) remedy = "it is unchanged; make room on its disk";
    if (error == EROFS) remedy = "it is unchanged; mount its file system writable";
    if (error == EPERM) remedy = "it is unchanged; is it immutable (lsattr), or are you not root?";
    return failed_errno(error == EACCES ? EX_NOPERM : EX_CANTCREAT, error, "cannot write " + path.string(), remedy);
}

// A file beside `path` that gets its name. The destructor removes it if it did not.
class Replacement {
public:
    // The name begins with a dot: nginx and Apache do not read it as a site.
    static Outcome<Replacement> make(const fs::path& path, mode_t mode) {
        Replacement made(path, path.parent_path() / ("." + path.filename().string() + ".ceymail-attach"));
        ::unlink(made.m_name.c_str());  // of a process that was killed: the caller holds the lock
        made.m_fd.reset(::open(made.m_name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
        if (!made.m_fd) return made.fault(errno);
        return made;
    }
    Replacement(Replacement&&) = default;
    ~Replacement() {
        if (m_fd) ::unlink(m_name.c_str());
    }

    Outcome<void> copy_attributes(const util::Fd& from, const struct stat& status) {
        if (::fchown(m_fd.get(), status.st_uid, status.st_gid) != 0) return fault(errno);
        std::array<char, 4096> names{};
        const ssize_t length = ::flistxattr(from.get(), names.data(), names.size());
        if (length < 0 && errno != ENOTSUP) return fault(errno);
        for (ssize_t at = 0; at < length;) {
            const char* const name = &names.at(static_cast<std::size_t>(at));
            if (const int error = copy_attribute(from, name); error != 0) return fault(error);
            at += static_cast<ssize_t>(std::string_view(name).size() + 1);
        }
        if (::fchmod(m_fd.get(), status.st_mode & k_permissions) != 0) return fault(errno);
        return {};
    }

    Outcome<void> write(std::string_view text) {
        while (!text.empty()) {
            const ssize_t written = ::write(m_fd.get(), text.data(), text.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return fault(errno);
            text.remove_prefix(static_cast<std::size_t>(written));
        }
        if (::fsync(m_fd.get()) != 0) return fault(errno);
        return {};
    }

    Outcome<void> take_name() {
        if (::rename(m_name.c_str(), m_path.c_str()) != 0) return fault(errno);
        m_fd.reset();
        (void)util::sync_directory_of(m_path);
        return {};
    }

private:
    Replacement(fs::path path, fs::path name) : m_path(std::move(path)), m_name(std::move(name)) {}

    [[nodiscard]] std::unexpected<Failure> fault(int error) const { return write_fault(m_path, error); }

    int copy_attribute(const util::Fd& from, const char* name) const {
        std::vector<char> value(65536);
        const ssize_t size = ::fgetxattr(from.get(), name, value.data(), value.size());
        if (size < 0) return errno == ENODATA ? 0 : errno;
        const bool copied = ::fsetxattr(m_fd.get(), name, value.data(), static_cast<std::size_t>(size), 0) == 0;
        return copied || errno == ENOTSUP ? 0 : errno;
    }

    fs::path m_path;
    fs::path m_name;
    util::Fd m_fd;
};

}  // namespace

Outcome<SiteFile> SiteFile::open(const fs::path& path) {
    CEYMAIL_TRY_ASSIGN(auto real, without_links(path));
    // O_NONBLOCK: the open of a FIFO would wait for its other end.
    util::Fd fd(::open(real.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    const int error = errno;
    const auto what = "cannot read the site " + real.string();
    struct stat status{};
    const bool is_known = (fd ? ::fstat(fd.get(), &status) : ::stat(real.c_str(), &status)) == 0;
    if (is_known && !S_ISREG(status.st_mode))
        return failed(EX_NOINPUT, what + ": it is " + std::string(kind_of(status.st_mode)));
    if (!fd || !is_known) return failed_errno(EX_NOINPUT, fd ? errno : error, what);
    if (status.st_nlink > 1)
        return failed(EX_NOINPUT,
                      "cannot replace the site " + real.string() +
                          ": it has another hard link, which would keep the old text; make that a symbolic link");
    SiteFile file(std::move(real), std::move(fd), status);
    CEYMAIL_TRY_ASSIGN(file.m_text, read_all(file.m_fd, file.m_path));
    return file;
}

Outcome<void> SiteFile::replace(std::string_view text) const {
    CEYMAIL_TRY_ASSIGN(auto replacement, Replacement::make(m_path, 0600));
    CEYMAIL_TRY(replacement.copy_attributes(m_fd, m_status));
    CEYMAIL_TRY(replacement.write(text));
    struct stat now{};
    const bool is_there = ::lstat(m_path.c_str(), &now) == 0;
    if (!is_there || now.st_dev != m_status.st_dev || now.st_ino != m_status.st_ino || was_written_since())
        return failed(EX_TEMPFAIL, "another program changed " + m_path.string() + " meanwhile; try again");
    return replacement.take_name();
}

bool SiteFile::was_written_since() const noexcept {
    struct stat now{};
    return ::fstat(m_fd.get(), &now) == 0 && (now.st_size != m_status.st_size || !same(now.st_mtim, m_status.st_mtim));
}

std::chrono::system_clock::time_point SiteFile::changed_at() const noexcept {
    const auto& latest = m_status.st_ctim;  // never earlier than a write
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(util::file_time(latest)));
}

fs::path aside_name(const fs::path& path) {
    return path.parent_path() / ("." + path.filename().string() + ".ceymail-attach-before");
}

Outcome<void> set_aside(const fs::path& path) {
    forget_aside(path);
    if (::link(path.c_str(), aside_name(path).c_str()) == 0) return {};
    return write_fault(path, errno);
}

Outcome<void> put_aside_back(const fs::path& path) {
    if (::rename(aside_name(path).c_str(), path.c_str()) != 0) return write_fault(path, errno);
    (void)util::sync_directory_of(path);
    return {};
}

void forget_aside(const fs::path& path) noexcept { ::unlink(aside_name(path).c_str()); }

Outcome<void> write_file(const fs::path& path, std::string_view text, mode_t mode) {
    CEYMAIL_TRY_ASSIGN(auto replacement, Replacement::make(path, mode));
    CEYMAIL_TRY(replacement.write(text));
    return replacement.take_name();
}

}  // namespace ceymail::attachment
