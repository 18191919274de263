// SPDX-License-Identifier: MIT
#include "ceymail/collect/backups.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "ceymail/util/directory.hpp"
#include "ceymail/util/time_format.hpp"

namespace ceymail::collect {

namespace {

using namespace std::chrono_literals;
using std::chrono::floor;
using std::chrono::seconds;

constexpr std::size_t k_most_names = 20'000;
constexpr auto k_read_interval = 60s;
constexpr auto k_old = 26h;
constexpr std::array<std::string_view, 13> k_wrappers{"gz",  "bz2", "xz",  "zst", "lz4", "lzo", "br",
                                                      "gpg", "pgp", "age", "enc", "asc", "lz"};
constexpr std::array<std::string_view, 13> k_archives{"tar",  "tgz", "tbz", "tbz2", "txz",  "tzst",    "sql",
                                                      "dump", "zip", "7z",  "rar",  "cpio", "xbstream"};
constexpr const char* k_remedy = "name the directory of the backups by backup_directory, or leave it empty";

std::string_view extension(std::string_view name) noexcept {
    const auto dot = name.rfind('.');
    return dot == name.npos || dot == 0 ? std::string_view() : name.substr(dot + 1);
}

std::uint64_t seconds_of(FileTime time) {
    return static_cast<std::uint64_t>(std::max(floor<seconds>(time).count(), seconds::rep{0}));
}

}  // namespace

bool is_archive_name(std::string_view name) noexcept {
    if (name.starts_with('.')) return false;
    const auto ends_in = [&](const auto& words) { return std::ranges::find(words, extension(name)) != words.end(); };
    while (ends_in(k_wrappers)) name.remove_suffix(extension(name).size() + 1);
    return ends_in(k_archives);
}

util::Result<std::optional<Backup>> newest_backup(const std::filesystem::path& directory, FileTime now,
                                                  util::BootTime deadline) {
    const auto cannot = "cannot read the directory of backups " + directory.string();
    auto entries = util::Directory::open(directory);
    if (!entries) return util::fail_errno(entries.error().code, cannot, k_remedy);
    std::optional<Backup> newest;
    for (std::size_t i = 0;; ++i) {
        CEYMAIL_TRY_ASSIGN(const auto name, entries->next());
        if (name.empty()) return newest;
        if (i == k_most_names)
            return util::fail(util::ErrorKind::exhausted,
                              cannot + ": it has more than " + std::to_string(k_most_names) + " names; " + k_remedy);
        if (!is_archive_name(name)) continue;
        if (util::BootClock::now() > deadline)
            return util::fail(util::ErrorKind::timed_out, cannot + ": it takes too long; " + k_remedy);
        struct stat status{};
        // A name may be removed meanwhile. readdir(3) ends each name with a NUL.
        if (::fstatat(entries->fd(), name.data(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (!S_ISREG(status.st_mode) || status.st_size == 0) continue;
        const Backup one{stamp_of(status).modified, static_cast<std::uint64_t>(status.st_size)};
        if (now - one.modified >= k_archive_rests && (!newest || one.modified > newest->modified)) newest = one;
    }
}

BackupsCollector::BackupsCollector(std::filesystem::path directory, util::ClockFunction now, FileClock file_clock)
    : m_directory(std::move(directory)), m_now(now), m_file_clock(file_clock) {}

util::Result<Families> BackupsCollector::collect(util::BootTime deadline) {
    if (m_directory.empty()) return Families{};
    if (const auto now = m_now(); !m_read_at || now - *m_read_at >= k_read_interval) {
        m_read_at.reset();
        auto newest = newest_backup(m_directory, m_file_clock(), deadline);
        if (!newest && newest.error().code != ENOENT) return std::unexpected(newest.error());
        m_is_there = newest.has_value();
        m_newest = newest ? *newest : std::nullopt;
        m_read_at = now;
    }
    if (!m_newest) return Families{};
    using enum exposition::MetricType;
    return Families{
        single("ceymail_backup_last_timestamp_seconds",
               "Last change of the newest finished archive in the directory of backups, in seconds since 1970.", gauge,
               seconds_of(m_newest->modified)),
        single("ceymail_backup_last_bytes", "Size of that archive.", gauge, m_newest->bytes),
    };
}

std::vector<Finding> BackupsCollector::findings() const {
    if (!m_newest && !m_is_there) return {};  // not every host makes backups
    const std::string remedy = "; look at what makes the backups, and at the space on its disk";
    if (!m_newest)
        return {{Finding::Level::warning, "backup",
                 "there is no finished archive in " + m_directory.string() + remedy +
                     ", or name another directory by backup_directory"}};
    const auto words = "the newest archive in " + m_directory.string() + " is of " +
                       util::utc_time(seconds_of(m_newest->modified)) + ", " + std::to_string(m_newest->bytes) +
                       " bytes";
    if (m_file_clock() - m_newest->modified < k_old) return {{Finding::Level::ok, "backup", words}};
    return {{Finding::Level::warning, "backup", words + ": older than 26 hours" + remedy}};
}

}  // namespace ceymail::collect
