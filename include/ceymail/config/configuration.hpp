// SPDX-License-Identifier: MIT
// config: the settings of an administrator with their defaults, and the command line. ceymail-metrics.conf(5).
// Process: each program, once at its start.
// Touches: reads the configuration file.
// Attackers: none; the file belongs to root. Mistakes in it are refused with a remedy.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/config/service_entry.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::config {

// Ascending: a plan includes all before it. `unknown` is any word of the file that names none of them.
enum class Plan { unknown, free, starter, pro, professional, business, enterprise };

[[nodiscard]] constexpr bool may_export_metrics(Plan plan) noexcept { return plan >= Plan::business; }

enum class ServiceManager { automatic, systemd, processes };

// One line `certificate = NAME PATH`.
struct CertificateEntry {
    std::string name;  // the label of ceymail_certificate_not_after_timestamp_seconds
    std::filesystem::path path;

    friend bool operator==(const CertificateEntry&, const CertificateEntry&) = default;
};

// Threads: any; it is only read after the start.
struct Configuration {
    // Endpoint
    std::string path = "/api/stats/metrics";
    Plan plan = Plan::business;
    std::string unknown_plan;  // the word of the file if `plan` is Plan::unknown
    unsigned workers = 2;      // 1 to 64

    // Socket: "unix:/path" or "tcp:127.0.0.1:9000"; empty: the socket passed by systemd or as fd 0.
    std::string listen;
    std::string listen_group = "www-data";  // group of a new Unix socket, mode 0660; empty: of the process
    std::string user = "ceymail-metrics";   // user to change to when started as root
    std::filesystem::path runtime_directory = "/run/ceymail-metrics";
    std::filesystem::path state_directory = "/var/lib/ceymail-metrics";

    // Time
    std::chrono::seconds cache_ttl{5};     // 0 to 300
    std::chrono::seconds auth_grace{300};  // 0 to 86400
    std::chrono::seconds rate_window{60};  // 1 to 60; below 60 only for demonstrations

    // Cost: CPU time of all collectors. To keep to it, costly values are read less often, up to maximum_age.
    unsigned work_budget_percent = 1;       // of one core, 0 to 100; 0: no limit
    std::chrono::seconds maximum_age{300};  // 1 to 3600; nothing older is served

    // MariaDB: the Unix socket unless database_host is set.
    std::filesystem::path database_socket = "/run/mysqld/mysqld.sock";
    std::string database_host;
    std::uint16_t database_port = 3306;
    std::filesystem::path database_tls_ca;           // PEM; empty: no TLS
    std::filesystem::path database_tls_certificate;  // client certificate, with its key; empty: none
    std::filesystem::path database_tls_key;
    bool database_plain_tcp = false;  // permits another host without TLS: the network can read and change the data
    std::string database_user = "ceymail-metrics";
    std::filesystem::path database_option_file;  // with the password, [client] group; empty: no password
    std::string database_mail = "ceymail";
    std::string database_dashboard = "ceymail_dashboard";

    // The settings page, ceymail-settings: a separate program, user, database account and directory.
    std::string settings_path = "/settings/security/prometheus-metrics";
    std::string settings_listen;  // as `listen`
    std::string settings_user = "ceymail-settings";
    std::filesystem::path settings_runtime_directory = "/run/ceymail-settings";
    std::string settings_database_user = "ceymail-settings";
    std::filesystem::path settings_database_option_file;
    std::filesystem::path settings_gateway_secret = "/etc/ceymail-metrics/gateway-secret";  // admission/
    std::filesystem::path settings_session_secret;
    bool settings_plain_http = false;  // permits requests without TLS: the network can read the token
    std::string settings_dashboards;   // URL of the dashboards; empty: no link

    // Sources
    std::filesystem::path proc = "/proc";
    std::filesystem::path disk = "/";
    std::vector<std::filesystem::path> queue_directories{"/var/spool/postfix"};  // one for each Postfix instance
    std::filesystem::path mail_log = "/var/log/mail.log";                        // see mail_log_source()
    std::filesystem::path journal_directory;                                     // empty: the host's journal
    std::filesystem::path fail2ban_log = "/var/log/fail2ban.log";                // the same
    ServiceManager service_manager = ServiceManager::automatic;
    std::vector<ServiceEntry> services;  // added to the known ones, or in the place of that of the same name; up to 32
    std::string ai_filter_unit = "ceymail-ai*.service";
    std::string ai_filter_process = "ceymail-ai*";
    std::filesystem::path attach_state = "/run/ceymail-attach/state";  // written by ceymail-attach
    bool find_certificates = true;                                     // in the configurations of the servers
    std::vector<CertificateEntry> certificates;  // up to 16; of a server: instead of what its configuration names
    std::filesystem::path backup_directory = "/var/backups/ceymail";  // empty: it is not looked at

    // A message for each key of the settings page with a value that is not allowed: PageKeys::may_be_wrong.
    std::vector<std::string> page_faults;

    friend bool operator==(const Configuration&, const Configuration&) = default;
};

// Where the lines of the mail log come from.
enum class MailLogSource {
    none,             // mail_log is empty
    file,             // the file mail_log
    file_or_journal,  // the same, and the journal while there is no such file: only for the default path, because a
                      // path of the administrator's own may be a log that the journal does not have
    journal           // mail_log = journal
};
[[nodiscard]] MailLogSource mail_log_source(const Configuration& configuration);

inline constexpr const char* k_default_path = "/etc/ceymail-metrics/ceymail-metrics.conf";

// What a wrong value of a key settings_... is. Such a key has no effect on a scrape, so it must not end the scrapes of
// a host. may_be_wrong: it is in page_faults, and the key has its default.
enum class PageKeys { must_be_right, may_be_wrong };

// Parses `key = value` lines; `#` starts a comment. Only queue_directory, service and certificate may
// occur more than once.
// Errors: invalid: an unknown key, a repeated key, or a value of the wrong type or range. The message has the file, the
// key, the value and what is allowed.
[[nodiscard]] util::Result<Configuration> parse_configuration(const std::string& text, const std::string& file_name,
                                                              PageKeys page_keys = PageKeys::must_be_right);

// Returns: the settings of `file`, or of k_default_path; the defaults if that does not exist and no file is given.
[[nodiscard]] util::Result<Configuration> load_configuration(const std::optional<std::filesystem::path>& file,
                                                             PageKeys page_keys = PageKeys::must_be_right);

[[nodiscard]] std::string_view to_string(Plan plan) noexcept;

// Returns: "free, starter, ...": all plans but `unknown`.
[[nodiscard]] std::string plan_names();

// Returns: the message for the log and --check. Requires: configuration.plan is Plan::unknown.
[[nodiscard]] std::string format_unknown_plan(const Configuration& configuration);

}  // namespace ceymail::config
