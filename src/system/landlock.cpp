// SPDX-License-Identifier: MIT
#include "ceymail/system/landlock.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ceymail/system/hanging_paths.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::system {

namespace {

using util::Fd;
using util::Result;

// As in linux/landlock.h of 6.12. Of the older headers, Debian 12's has the first field only, Ubuntu 22.04's the file
// rights of version 1, and Debian 11 has neither the header nor the numbers, which are the same for all architectures.
constexpr long k_create_ruleset = 444;
constexpr long k_add_rule = 445;
constexpr long k_restrict_self = 446;
constexpr unsigned k_tell_version = 1;
constexpr unsigned k_path_beneath = 1;
struct PathBeneath {
    std::uint64_t allowed_access = 0;
    std::int32_t parent_fd = -1;
} __attribute__((packed));
struct RulesetAttributes {
    std::uint64_t files = 0;
    std::uint64_t tcp = 0;     // from version 4
    std::uint64_t scoped = 0;  // from version 6
};
constexpr std::uint64_t k_refer = 1U << 13;       // from version 2
constexpr std::uint64_t k_truncate = 1U << 14;    // from version 3
constexpr std::uint64_t k_use_device = 1U << 15;  // from version 5
constexpr std::uint64_t k_tcp_bind_and_connect = 3;
constexpr std::uint64_t k_abstract_sockets_and_signals = 3;
constexpr std::uint64_t k_files_of_version_1 = (1U << 13) - 1;
constexpr std::uint64_t k_read_file = 1U << 2;
constexpr std::uint64_t k_list_directory = 1U << 3;

int version() noexcept { return static_cast<int>(::syscall(k_create_ruleset, nullptr, 0, k_tell_version)); }

RulesetAttributes everything(int version, Tcp tcp) noexcept {
    RulesetAttributes all;
    all.files = k_files_of_version_1;
    if (version >= 2) all.files |= k_refer;
    if (version >= 3) all.files |= k_truncate;
    if (version >= 5) all.files |= k_use_device;
    if (version >= 4 && tcp == Tcp::forbidden) all.tcp = k_tcp_bind_and_connect;
    if (version >= 6) all.scoped = k_abstract_sockets_and_signals;
    return all;
}

// A kernel accepts a shorter structure than its own, but a longer one only if the rest is zero.
std::size_t size_of_attributes(int version) noexcept {
    if (version >= 6) return sizeof(RulesetAttributes);
    return version >= 4 ? offsetof(RulesetAttributes, scoped) : offsetof(RulesetAttributes, tcp);
}

// Opens `path`, or else the nearest directory above it.
Fd open_or_above(std::filesystem::path path) {
    for (;;) {
        Fd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
        if (fd || path == path.root_path()) return fd;
        path = path.parent_path();
    }
}

Result<void> allow(const Fd& ruleset, const std::filesystem::path& path, std::uint64_t access) {
    const Fd beneath = open_or_above(path);
    struct stat status{};
    if (!beneath || ::fstat(beneath.get(), &status) != 0) return {};  // what cannot be opened needs no permission
    PathBeneath rule;
    rule.allowed_access = S_ISDIR(status.st_mode) ? access : access & k_read_file;
    if (rule.allowed_access == 0) return {};
    rule.parent_fd = beneath.get();
    if (::syscall(k_add_rule, ruleset.get(), k_path_beneath, &rule, 0) == 0) return {};
    return util::fail_errno(errno, "cannot allow by Landlock to read " + path.string());
}

}  // namespace

bool has_landlock() noexcept { return version() > 0; }

Result<void> allow_only(const std::vector<std::filesystem::path>& readable, Tcp tcp,
                        const std::vector<std::filesystem::path>& listable) {
    const int known = version();
    if (known <= 0) return util::fail(util::ErrorKind::unavailable, "the kernel has no Landlock", errno);
    const auto attributes = everything(known, tcp);
    const Fd ruleset(static_cast<int>(::syscall(k_create_ruleset, &attributes, size_of_attributes(known), 0)));
    if (!ruleset) return util::fail_errno(errno, "cannot make a Landlock ruleset");
    for (const auto& path : readable) CEYMAIL_TRY(allow(ruleset, path, k_read_file | k_list_directory));
    for (const auto& path : listable) CEYMAIL_TRY(allow(ruleset, path, k_list_directory));
    if (::syscall(k_restrict_self, ruleset.get(), 0) == 0) return {};
    return util::fail_errno(errno, "cannot restrict this process by Landlock");
}

namespace {

// Returns: the parent of `path`, because `path` may be replaced by rename(2) or a mount, and a rule would not apply to
// the new directory. If the parent is a top-level directory, which holds unrelated files: `path` itself.
std::filesystem::path readable_above(const std::filesystem::path& path) {
    const auto above = path.parent_path();
    return above.parent_path() == path.root_path() ? path : above;
}

// Adds `path`, and its targets if it is a symbolic link. readlink(2) does not access a dead mount.
void add_with_targets(std::vector<std::filesystem::path>& readable, std::filesystem::path path) {
    constexpr int k_most_links = 8;
    for (int links = 0; links <= k_most_links; ++links) {
        path = path.lexically_normal();
        if (!path.has_filename()) path = path.parent_path();
        readable.push_back(readable_above(path));
        std::string target(PATH_MAX, '\0');
        const auto length = ::readlink(path.c_str(), target.data(), target.size());
        if (length < 0) return;
        path = path.parent_path() / target.substr(0, static_cast<std::size_t>(length));
    }
}

// The plug-ins and the configuration of the MariaDB client library.
std::vector<std::filesystem::path> readable_by_client_library(const config::Configuration& configuration) {
    std::vector<std::filesystem::path> readable{"/usr/lib", "/lib", "/etc/ssl", "/etc/localtime"};
    if (!configuration.database_option_file.empty())
        readable.push_back(configuration.database_option_file.parent_path());
    for (const auto* const file :
         {&configuration.database_tls_ca, &configuration.database_tls_certificate, &configuration.database_tls_key})
        if (!file->empty()) readable.push_back(file->parent_path());
    if (!configuration.database_host.empty()) readable.emplace_back("/usr/share/ca-certificates");
    return readable;
}

bool needs_name_lookup(const std::string& host) noexcept {
    in6_addr address{};
    return !host.empty() && ::inet_pton(AF_INET, host.c_str(), &address) != 1 &&
           ::inet_pton(AF_INET6, host.c_str(), &address) != 1;
}

}  // namespace

// All of /etc, because resolv.conf and hosts may be replaced. A worker can read only what every user may read there.
std::vector<std::filesystem::path> readable_by_worker(const config::Configuration& configuration) {
    auto readable = readable_by_client_library(configuration);
    if (needs_name_lookup(configuration.database_host))
        readable.insert(readable.end(), {"/etc", "/run/systemd/resolve"});
    return readable;
}

// Where a path is missing, the directory above it would be allowed instead, such as all of /etc.
void remove_missing(std::vector<std::filesystem::path>& paths) {
    std::erase_if(paths, [](const auto& path) {
        std::error_code error;
        return !std::filesystem::exists(path, error);
    });
}

// The servers' configurations, and where they usually have their certificates. Not all of /etc/letsencrypt: it contains
// the keys of the accounts.
std::vector<std::filesystem::path> directories_of_servers(const config::Configuration& configuration) {
    if (!configuration.find_certificates) return {};
    return {"/etc/nginx",   "/etc/apache2",          "/etc/postfix",
            "/etc/dovecot", "/etc/letsencrypt/live", "/etc/letsencrypt/archive"};
}

// A rule for the files of certificates alone would not hold for a renewed one.
void add_certificates(std::vector<std::filesystem::path>& readable, const config::Configuration& configuration,
                      const std::vector<std::filesystem::path>& hanging) {
    auto paths = directories_of_servers(configuration);
    std::erase_if(paths, [&](const auto& path) { return std::ranges::find(hanging, path) != hanging.end(); });
    for (const auto& certificate : configuration.certificates) add_with_targets(paths, certificate.path);
    remove_missing(paths);
    readable.insert(readable.end(), paths.begin(), paths.end());
}

// Not all of /etc, because its capability lets it read every file. If one of these is replaced, it needs a restart.
std::vector<std::filesystem::path> readable_by_gatherer(const config::Configuration& whole,
                                                        const std::vector<std::filesystem::path>& hanging) {
    const auto configuration = without_paths(whole, hanging);
    auto readable = readable_by_client_library(configuration);
    if (needs_name_lookup(configuration.database_host))
        readable.insert(readable.end(), {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf",
                                         "/etc/host.conf", "/run/systemd/resolve"});
    readable.insert(readable.end(), {configuration.proc, "/etc/systemd/system", "/run/systemd"});
    // Where it is missing, the directory above it would be allowed instead: all of /run.
    std::error_code error;
    if (const auto state = configuration.attach_state.parent_path(); std::filesystem::is_directory(state, error))
        readable.push_back(state);
    for (const auto* const log : {&configuration.mail_log, &configuration.fail2ban_log})
        if (log->is_absolute()) readable.push_back(readable_above(log->lexically_normal()));
    for (const auto& directory : configuration.queue_directories) add_with_targets(readable, directory);
    add_certificates(readable, configuration, hanging);
    return readable;
}

std::vector<std::filesystem::path> listable_by_gatherer(const config::Configuration& configuration,
                                                        const std::vector<std::filesystem::path>& hanging) {
    std::vector<std::filesystem::path> listable;
    const auto directory = without_paths(configuration, hanging).backup_directory;
    if (!directory.empty()) add_with_targets(listable, directory);
    remove_missing(listable);
    return listable;
}

std::vector<std::filesystem::path> readable_by_journal_reader(const config::Configuration& configuration) {
    // libsystemd may load the libraries that decompress entries when it meets the first one.
    std::vector<std::filesystem::path> readable{"/usr/lib", "/lib"};
    if (!configuration.journal_directory.empty()) {
        readable.push_back(configuration.journal_directory);
        return readable;
    }
    // Where one is missing, the directory above it would be allowed instead: not all of /var, /run and /etc.
    for (const std::filesystem::path path : {"/var/log/journal", "/run/log/journal", "/etc/machine-id"}) {
        std::error_code error;
        const auto above = path.parent_path();
        const bool may_fall_back = above.parent_path() != path.root_path() && std::filesystem::exists(above, error);
        if (may_fall_back || std::filesystem::exists(path, error)) readable.push_back(path);
    }
    return readable;
}

}  // namespace ceymail::system
