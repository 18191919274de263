// SPDX-License-Identifier: MIT
#include "ceymail/attachment/host.hpp"

namespace ceymail::attachment {
namespace {

// What both packages name in the same way; their service is called as they are. `own_reload`: without systemd.
WebServerFiles files_of(const std::string& name, const std::string& pid_file, Arguments own_reload, bool systemd) {
    WebServerFiles files;
    files.name = name;
    files.sites_enabled = "/etc/" + name + "/sites-enabled";
    files.sites_available = "/etc/" + name + "/sites-available";
    files.is_running = systemd ? Arguments{"systemctl", "is-active", "--quiet", name + ".service"}
                               : Arguments{"sh", "-c", "kill -0 \"$(cat " + pid_file + ")\""};
    files.reload = systemd ? Arguments{"systemctl", "reload", name + ".service"} : std::move(own_reload);
    return files;
}

// `page`: the name of the settings page's file.
WebServerFiles nginx_files(bool systemd, const std::string& page) {
    auto files = files_of("nginx", "/run/nginx.pid", {"/usr/sbin/nginx", "-s", "reload"}, systemd);
    files.metrics_include = "snippets/ceymail-metrics*.conf";
    files.settings_include = "snippets/" + page + "*.conf";
    files.metrics_file = "/etc/nginx/snippets/ceymail-metrics.conf";
    files.settings_file = "/etc/nginx/snippets/" + page + ".conf";
    files.test = {"/usr/sbin/nginx", "-t", "-q"};
    return files;
}

WebServerFiles apache_files(bool systemd, const std::string& page) {
    auto files = files_of("apache2", "/run/apache2/apache2.pid", {"/usr/sbin/apache2ctl", "graceful"}, systemd);
    files.suffix = ".conf";
    files.metrics_include = "/etc/apache2/conf-available/ceymail-metrics.conf";
    files.settings_include = "/etc/apache2/conf-available/" + page + ".conf";
    files.metrics_file = files.metrics_include;
    files.settings_file = files.settings_include;
    files.test = {"/usr/sbin/apache2ctl", "configtest"};
    return files;
}

}  // namespace

Host installed_host(const config::Configuration& configuration) {
    const bool systemd = std::filesystem::exists("/run/systemd/system");
    Host host;
    host.ceymail_conf = "/etc/ceymail.conf";
    // Each way to sign in has a file of its own: ceymail-settings(8).
    const std::string page =
        configuration.settings_session_secret.empty() ? "ceymail-settings" : "ceymail-session-settings";
    host.nginx = nginx_files(systemd, page);
    host.apache = apache_files(systemd, page);
    host.apache_modules = "/etc/apache2/mods-enabled";
    // Not authz_core, without which Apache answers every request 500.
    host.needed_modules = {"proxy_fcgi", "setenvif", "env", "authn_core"};
    if (configuration.settings_session_secret.empty())
        host.settings_modules = {"auth_basic", "authn_file", "authz_user"};
    host.enable_module = {"/usr/sbin/a2enmod", "-q"};
    host.disable_module = {"/usr/sbin/a2dismod", "-q", "-f"};
    host.state_directory = "/var/lib/ceymail-attach";
    host.published = configuration.attach_state;
    for (const auto* files : {&host.nginx, &host.apache}) {
        host.watched.push_back(files->sites_enabled);
        host.watched.push_back(files->sites_available);
    }
    host.drop_ins = "/etc/systemd/system";
    if (systemd) {
        host.reload_units = {"systemctl", "daemon-reload"};
        host.start_watch = {"systemctl", "enable", "--quiet", "--now", "ceymail-attach.path", "ceymail-attach.timer"};
        host.stop_watch = {"systemctl", "disable", "--quiet", "--now", "ceymail-attach.path", "ceymail-attach.timer"};
    }
    host.endpoint_path = configuration.path;
    host.settings_path = configuration.settings_path;
    return host;
}

}  // namespace ceymail::attachment
