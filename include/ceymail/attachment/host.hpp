// SPDX-License-Identifier: MIT
// Host: where the files of a host are and by which commands its web servers are tested and reloaded.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "ceymail/config/configuration.hpp"
#include "ceymail/site/site.hpp"

namespace ceymail::attachment {

using Arguments = std::vector<std::string>;  // a command and its arguments; empty: there is nothing to run

struct WebServerFiles {
    std::string name;                     // of its service, for messages
    std::filesystem::path sites_enabled;  // the site is DOMAIN + suffix in one of these
    std::filesystem::path sites_available;
    std::string suffix;
    std::string metrics_include;  // as the directive names it
    std::string settings_include;
    std::filesystem::path metrics_file;  // where that leads
    std::filesystem::path settings_file;
    Arguments test;        // exit code 0: its configuration is valid
    Arguments is_running;  // exit code 0: it runs
    Arguments reload;
};

struct Host {
    std::filesystem::path ceymail_conf;
    WebServerFiles nginx;
    WebServerFiles apache;

    std::filesystem::path apache_modules;       // mods-enabled
    std::vector<std::string> needed_modules;    // by the file of the endpoint
    std::vector<std::string> settings_modules;  // and by that of the settings page
    Arguments enable_module;                    // the name is appended
    Arguments disable_module;

    std::filesystem::path state_directory;  // what was attached and how; the lock
    std::filesystem::path published;        // what the collector reads

    std::vector<std::filesystem::path> watched;  // directories that ceymail-attach.path watches
    std::filesystem::path drop_ins;              // unit directory of the administrator
    Arguments reload_units;
    Arguments start_watch;
    Arguments stop_watch;

    std::string endpoint_path;
    std::string settings_path;

    std::chrono::milliseconds command_timeout{60'000};
    std::chrono::milliseconds scrape_timeout{10'000};  // from the reload to the first answer
    std::chrono::milliseconds settle{1'200};           // for which it must answer: old workers answer at first
    std::chrono::milliseconds quiet{3'000};            // a site is left alone that was written more recently
    std::chrono::milliseconds retry{2'000};
    std::chrono::milliseconds patience{75'000};   // of repair(), for a site that cannot be attached yet
    std::chrono::seconds interval{60};            // between two edits by repair()
    std::chrono::seconds failure_interval{3600};  // until repair() tries a text again that failed

    [[nodiscard]] const WebServerFiles& files_of(site::WebServer server) const noexcept {
        return server == site::WebServer::nginx ? nginx : apache;
    }
};

// Returns: the host that this program is installed on. Without systemd the web servers are reloaded by their own
// commands, and nothing watches the site.
[[nodiscard]] Host installed_host(const config::Configuration& configuration);

}  // namespace ceymail::attachment
