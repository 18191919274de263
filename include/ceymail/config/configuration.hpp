// SPDX-License-Identifier: MIT
// Configuration: all that an administrator can set, with its defaults. ceymail-metrics.conf(5).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/util/result.hpp"

namespace ceymail::config {

// In order: a plan includes all before it.
enum class Plan { free, starter, professional, business, enterprise };

enum class ServiceManager { automatic, systemd, processes };

// A value; made once at start, then only read, so any thread may.
struct Configuration {
    // Endpoint
    std::string path = "/api/stats/metrics";
    Plan plan = Plan::business;
    unsigned workers = 2;  // 1 to 64

    // Socket: "unix:/path" or "tcp:127.0.0.1:9000"; empty: what the starter hands in (systemd, fd 0).
    std::string listen;
    std::string listen_group = "www-data";  // owner of a Unix socket we make, mode 0660; empty: our own
    std::string user = "ceymail-metrics";   // whom to become when started as root
    std::filesystem::path runtime_directory = "/run/ceymail-metrics";

    // Time
    std::chrono::seconds cache_ttl{5};     // 0 to 300
    std::chrono::seconds auth_grace{300};  // 0 to 86400
    std::chrono::seconds rate_window{60};  // 1 to 60; below 60 only for demonstrations

    // Cost: all collectors together, in CPU time. Within it, costly values are read less often, up to maximum_age.
    unsigned work_budget_percent = 1;       // of one core, 0 to 100; 0: every gathering reads everything
    std::chrono::seconds maximum_age{300};  // 1 to 3600; nothing older is served

    // MariaDB: the Unix socket unless a host is given.
    std::filesystem::path database_socket = "/run/mysqld/mysqld.sock";
    std::string database_host;
    std::uint16_t database_port = 3306;
    std::filesystem::path database_tls_ca;           // PEM; empty: no TLS
    std::filesystem::path database_tls_certificate;  // of ours, with its key; empty: none
    std::filesystem::path database_tls_key;
    bool database_plain_tcp = false;  // also to another host without TLS: everybody on the way reads and changes it
    std::string database_user = "ceymail-metrics";
    std::filesystem::path database_option_file;  // holds the password, [client] group; empty: no password
    std::string database_mail = "ceymail";
    std::string database_dashboard = "ceymail_dashboard";

    // The settings page, ceymail-settings: a program, user, account and directory of its own.
    std::string settings_path = "/settings/security/prometheus-metrics";
    std::string settings_listen;  // as `listen`
    std::string settings_user = "ceymail-settings";
    std::filesystem::path settings_runtime_directory = "/run/ceymail-settings";
    std::string settings_database_user = "ceymail-settings";
    std::filesystem::path settings_database_option_file;
    std::filesystem::path settings_gateway_secret = "/etc/ceymail-metrics/gateway-secret";  // gate/gateway_secret.hpp
    bool settings_plain_http = false;  // also serves what came without TLS: everybody on the way reads the token
    std::string settings_dashboards;   // http(s) address of the dashboards; empty: no link

    // Sources
    std::filesystem::path proc = "/proc";
    std::filesystem::path disk = "/";
    std::vector<std::filesystem::path> queue_directories{"/var/spool/postfix"};  // one a Postfix instance, at least one
    ServiceManager service_manager = ServiceManager::automatic;
    std::string ai_filter_unit = "ceymail-ai-filter.service";
    std::string ai_filter_process = "ceymail-ai-filter";

    friend bool operator==(const Configuration&, const Configuration&) = default;
};

inline constexpr const char* k_default_path = "/etc/ceymail-metrics/ceymail-metrics.conf";

// Parses `key = value` lines; `#` starts a comment. queue_directory may be given more than once, no other key. Unknown
// keys, keys given twice, ill-typed or out-of-range values fail with ErrorKind::invalid and a message with the file,
// the key, the value and what is allowed.
[[nodiscard]] util::Result<Configuration> parse_configuration(const std::string& text, const std::string& file_name);

// The file, or the defaults where `file` is not given and k_default_path does not exist.
[[nodiscard]] util::Result<Configuration> load_configuration(const std::optional<std::filesystem::path>& file);

// Every key that a file may hold.
[[nodiscard]] std::vector<std::string_view> key_names();

[[nodiscard]] std::string_view to_string(Plan plan) noexcept;

}  // namespace ceymail::config
