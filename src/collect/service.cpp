// SPDX-License-Identifier: MIT
#include "ceymail/collect/service.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>

namespace ceymail::collect {

namespace {

void hide_disabled_web_servers(const std::vector<Service>& services, ServiceStates& states,
                               const std::function<bool(const Service&)>& enabled) {
    std::vector<std::size_t> installed;
    for (std::size_t i = 0; i < services.size(); ++i) {
        if (services[i].listed == Listed::as_web_server && states[i] != ServiceState::absent) installed.push_back(i);
    }
    if (installed.size() < 2) return;
    const auto first_disabled =
        std::stable_partition(installed.begin(), installed.end(), [&](std::size_t i) { return enabled(services[i]); });
    if (first_disabled == installed.begin()) return;
    std::for_each(first_disabled, installed.end(), [&](std::size_t i) { states[i] = ServiceState::absent; });
}

}  // namespace

std::vector<Service> known_services(const std::string& ai_filter_unit, const std::string& ai_filter_process) {
    const auto ai_filter_name = std::filesystem::path(ai_filter_process).filename().string();
    return {
        {"postfix", {"postfix@-.service", "postfix.service"}, {"master"}},
        {"dovecot", {"dovecot.service"}, {"dovecot"}},
        {"opendkim", {"opendkim.service"}, {"opendkim"}},
        {"mariadb", {"mariadb.service", "mysql.service", "mysqld.service"}, {"mariadbd", "mysqld"}},
        {"unbound", {"unbound.service"}, {"unbound"}},
        {"spamassassin", {"spamd.service", "spamassassin.service"}, {"spamd"}},
        {"nginx", {"nginx.service"}, {"nginx"}, Listed::as_web_server},
        {"apache", {"apache2.service", "httpd.service"}, {"apache2", "httpd"}, Listed::as_web_server},
        {"rsyslog", {"rsyslog.service"}, {"rsyslogd"}},
        {"fail2ban", {"fail2ban.service"}, {"fail2ban-server"}},
        {"ceymail-ai-filter", {ai_filter_unit}, {ai_filter_name}, Listed::when_enabled},
    };
}

ServiceStates only_listed(const std::vector<Service>& services, ServiceStates states,
                          const std::function<bool(const Service&)>& enabled) {
    for (std::size_t i = 0; i < services.size(); ++i) {
        if (services[i].listed != Listed::when_enabled || states[i] == ServiceState::absent) continue;
        if (!enabled(services[i])) states[i] = ServiceState::absent;
    }
    hide_disabled_web_servers(services, states, enabled);
    return states;
}

Families service_families(const std::vector<Service>& services, const ServiceStates& states) {
    exposition::MetricFamily family{"ceymail_service_up",
                                    "1 if the service runs, 0 if it is installed and does not; absent if it is not "
                                    "installed.",
                                    exposition::MetricType::gauge,
                                    {}};
    for (std::size_t i = 0; i < services.size(); ++i) {
        if (states[i] == ServiceState::absent) continue;
        family.samples.push_back({{{"name", services[i].name}}, std::uint64_t{states[i] == ServiceState::up}});
    }
    return {std::move(family)};
}

}  // namespace ceymail::collect
