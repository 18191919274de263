// SPDX-License-Identifier: MIT
#include "ceymail/collect/certificate_paths.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "ceymail/collect/postfix_settings.hpp"
#include "ceymail/collect/regular_file.hpp"
#include "ceymail/config/service_entry.hpp"
#include "ceymail/site/site.hpp"
#include "ceymail/util/directory.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::collect {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_most_bytes = 1U << 20;
constexpr std::size_t k_most_files = 256;
constexpr std::size_t k_most_certificates = 64;
constexpr std::size_t k_most_depth = 8;
constexpr std::size_t k_most_names = 10'000;  // in a directory of an include

struct ServerFiles {
    std::string_view name;
    const char* directory;
    const char* file;
};
constexpr std::array k_files{
    ServerFiles{"nginx", "/etc/nginx", "nginx.conf"}, ServerFiles{"apache", "/etc/apache2", "apache2.conf"},
    ServerFiles{"postfix", "/etc/postfix", "main.cf"}, ServerFiles{"dovecot", "/etc/dovecot", "dovecot.conf"}};

const ServerFiles& files_of(TlsServer server) { return k_files[static_cast<std::size_t>(server)]; }

// "name = value" in two, trimmed; the value is empty if there is no '='.
std::pair<std::string_view, std::string_view> split(std::string_view line) {
    const auto at = std::min(line.find('='), line.size());
    return {util::trimmed(line.substr(0, at)), util::trimmed(line.substr(std::min(at + 1, line.size())))};
}

std::vector<std::string> words_of(std::string_view list) {
    std::vector<std::string> words;
    constexpr std::string_view k_separators = ", \t\r\n";
    for (;;) {
        list.remove_prefix(std::min(list.find_first_not_of(k_separators), list.size()));
        if (list.empty()) return words;
        const auto end = std::min(list.find_first_of(k_separators), list.size());
        words.emplace_back(list.substr(0, end));
        list.remove_prefix(end);
    }
}

}  // namespace

std::string_view name_of(TlsServer server) noexcept { return files_of(server).name; }

std::optional<TlsServer> server_of(std::string_view name) noexcept {
    for (const auto server : k_tls_servers) {
        const auto own = name_of(server);
        if (name == own || (name.starts_with(own) && name[own.size()] == '-')) return server;
    }
    return std::nullopt;
}

std::vector<std::string> postfix_certificates(std::string_view main_cf) {
    const auto settings = PostfixSettings::parse(main_cf, {});
    if (auto chains = words_of(settings.value("smtpd_tls_chain_files")); !chains.empty()) return chains;
    std::vector<std::string> files;
    for (const auto* name : {"smtpd_tls_cert_file", "smtpd_tls_eccert_file", "smtpd_tls_dcert_file"})
        if (auto value = settings.value(name); !value.empty() && value != "none") files.push_back(std::move(value));
    return files;
}

std::vector<DovecotSetting> dovecot_settings(std::string_view text) {
    constexpr std::array<std::string_view, 3> k_keys{"ssl", "ssl_cert", "ssl_server_cert_file"};
    std::vector<DovecotSetting> settings;
    std::size_t depth = 0;
    for (auto line : util::lines_of(text)) {
        line = line.substr(0, std::min(line.find(" #"), line.size()));
        line = util::trimmed(line.substr(0, std::min(line.find("\t#"), line.size())));
        if (line.empty() || line.front() == '#') continue;
        if (line.starts_with("!include")) {
            const auto end = std::min(line.find_first_of(" \t"), line.size());
            settings.push_back({std::string(line.substr(0, end)), std::string(util::trimmed(line.substr(end))), depth});
        } else if (line == "}") {
            depth -= std::min<std::size_t>(depth, 1);
        } else if (line.back() == '{') {
            ++depth;
        } else if (const auto [key, value] = split(line); std::ranges::find(k_keys, key) != k_keys.end()) {
            settings.push_back({std::string(key), std::string(util::unquoted(value)), depth});
        }
    }
    return settings;
}

std::optional<fs::path> plain_path(std::string_view value, const fs::path& base) {
    if (value.empty() || value.find_first_of("$\\:\n") != value.npos || value.starts_with("-----")) return std::nullopt;
    const fs::path path(value);
    return (path.is_absolute() ? path : base / path).lexically_normal();
}

// Reads one configuration from its main file on.
struct CertificatePaths::Walk {
    CertificatePaths& owner;
    fs::path base = files_of(owner.m_server).directory;
    std::size_t files = 0;
    std::vector<fs::path> found{};
    // Of Dovecot.
    std::optional<fs::path> default_certificate{};
    bool tls_off = false;

    // `path` is one of the host; the files lie below the root.
    [[nodiscard]] fs::path below_root(const fs::path& path) const { return owner.m_root / path.relative_path(); }

    // Records the stamp before the content is read. Returns: whether it exists.
    bool stamp(const fs::path& path) {
        const auto before = file_clock_now();
        const auto& stamp = owner.m_stamps[path] = stamp_at(below_root(path));
        if (stamp && !is_settled(*stamp, before)) owner.m_settled = false;
        return stamp.has_value();
    }

    [[nodiscard]] std::unexpected<util::Error> fault(const fs::path& path, const util::Error& error) const {
        const std::string name(name_of(owner.m_server));
        return util::fail(error.kind,
                          "cannot find the certificates of " + name + " by " + path.string() + ": " + error.message +
                              "; correct it, or name them by lines `certificate = " + name +
                              " PATH` of ceymail-metrics.conf",
                          error.code);
    }

    void add(std::string_view value) {
        auto path = plain_path(value, base);
        if (path && std::ranges::find(found, *path) == found.end()) found.push_back(std::move(*path));
    }

    util::Result<void> read_file(const fs::path& path, std::size_t depth) {
        if (!stamp(path)) return {};
        if (++files > k_most_files || depth > k_most_depth || found.size() > k_most_certificates)
            return fault(path, {util::ErrorKind::exhausted, 0, "there are too many files, includes or certificates"});
        const auto file = open_regular(below_root(path));
        if (!file) return fault(path, file.error());
        const auto text = read_regular(*file, k_most_bytes);
        if (!text) return fault(path, text.error());
        switch (owner.m_server) {
            case TlsServer::postfix:
                for (const auto& value : postfix_certificates(*text)) add(value);
                return {};
            case TlsServer::dovecot:
                return read_dovecot(*text, path, depth);
            case TlsServer::nginx:
            case TlsServer::apache:
                break;
        }
        const bool is_nginx = owner.m_server == TlsServer::nginx;
        const auto site = is_nginx ? site::parse_nginx(*text) : site::parse_apache(*text);
        if (!site) return fault(path, site.error());
        for (const auto& value : site->certificates) add(value);
        for (const auto& value : site->all_includes) CEYMAIL_TRY(include(value, base, depth));
        return {};
    }

    // The last setting outside of all blocks is the default; one inside is for some names or addresses, beside it.
    util::Result<void> read_dovecot(std::string_view text, const fs::path& path, std::size_t depth) {
        for (const auto& [key, value, blocks] : dovecot_settings(text)) {
            if (key.front() == '!') {
                CEYMAIL_TRY(include(value, path.parent_path(), depth));
            } else if (key == "ssl") {
                if (blocks == 0) tls_off = value == "no";
            } else {
                const auto file = util::trimmed(std::string_view(value).substr(value.starts_with('<') ? 1 : 0));
                if (blocks != 0) add(file);
                if (blocks == 0) default_certificate = plain_path(file, path.parent_path());
            }
        }
        return {};
    }

    util::Result<void> include(const std::string& value, const fs::path& relative_to, std::size_t depth) {
        const auto path = plain_path(value, relative_to);
        if (!path) return {};
        const auto pattern = path->filename().string();
        if (value.find_first_of("*?[") == value.npos) return read_file(*path, depth + 1);
        const auto directory = path->parent_path();
        if (pattern.find_first_of("?[") != pattern.npos || directory.string().find_first_of("*?[") != std::string::npos)
            return {};
        CEYMAIL_TRY_ASSIGN(const auto names, names_in(directory));
        for (const auto& name : names) {
            if (config::matches(pattern, name) && !name.starts_with('.'))
                CEYMAIL_TRY(read_file(directory / name, depth + 1));
        }
        return {};
    }

    // In the order of glob(3).
    util::Result<std::set<std::string>> names_in(const fs::path& directory) {
        std::set<std::string> names;
        if (!stamp(directory)) return names;
        auto entries = util::Directory::open(below_root(directory));
        if (!entries) return fault(directory, entries.error());
        for (std::size_t i = 0;; ++i) {
            const auto name = entries->next();
            if (!name) return fault(directory, name.error());
            if (name->empty()) return names;
            if (i == k_most_names)
                return fault(directory, {util::ErrorKind::exhausted, 0, "there are too many names in it"});
            names.emplace(*name);
        }
    }

    util::Result<std::vector<fs::path>> paths() {
        CEYMAIL_TRY(read_file(base / files_of(owner.m_server).file, 0));
        if (tls_off) return std::vector<fs::path>{};
        if (default_certificate && std::ranges::find(found, *default_certificate) == found.end())
            found.insert(found.begin(), *default_certificate);
        return std::move(found);
    }
};

CertificatePaths::CertificatePaths(TlsServer server, fs::path root) : m_server(server), m_root(std::move(root)) {}

bool CertificatePaths::changed() const {
    return std::ranges::any_of(
        m_stamps, [&](const auto& one) { return stamp_at(m_root / one.first.relative_path()) != one.second; });
}

const util::Result<std::vector<fs::path>>& CertificatePaths::read() {
    if (m_settled && m_paths && !changed()) return m_paths;
    m_stamps.clear();
    m_settled = true;
    m_paths = Walk{.owner = *this}.paths();
    return m_paths;
}

}  // namespace ceymail::collect
