// SPDX-License-Identifier: MIT
// What the programs that write the mail log are set to, where that leaves metrics out or changes what they count.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "ceymail/config/configuration.hpp"

namespace ceymail::doctor {

// Where the settings of a host are.
struct SettingsPaths {
    std::filesystem::path postfix = "/etc/postfix";  // main.cf, master.cf
    std::filesystem::path etc = "/etc";              // rsyslog.conf, dovecot, default/spamd, fail2ban
    std::filesystem::path metrics;                   // the configuration file of this program
};

struct LogSettings {
    bool is_postfix_there = false;
    // Each names the metric, the setting and its file, and ends with a command for root: "...; run: COMMAND".
    std::vector<std::string> warnings;
};

// Reads the files as text; no program is run. A program whose files are missing is not installed, and no warning.
// Security: only root writes these files. Words that become part of a command are quoted for a shell.
[[nodiscard]] LogSettings read_log_settings(const config::Configuration& configuration, const SettingsPaths& paths);

}  // namespace ceymail::doctor
