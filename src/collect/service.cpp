// SPDX-License-Identifier: MIT
#include "ceymail/collect/service.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iterator>

namespace ceymail::collect {

namespace {

constexpr std::size_t k_max_enabled = 64;

void add_unit(Service& service, const std::string& unit) {
    if (config::is_service_unit_name(unit)) service.units.push_back(unit);
    if (config::is_service_unit_pattern(unit)) service.patterns.push_back(unit);
}

}  // namespace

std::vector<Service> known_services(const std::string& ai_filter_unit, const std::string& ai_filter_process) {
    const auto ai_filter_name = std::filesystem::path(ai_filter_process).filename().string();
    std::vector<Service> services{
        {"postfix",
         {"postfix@-.service", "postfix.service"},
         {"master"},
         Listed::always,
         {"postfix@*.service", "postfix.service"}},
        {"dovecot", {"dovecot.service"}, {"dovecot"}},
        {"opendkim", {"opendkim.service"}, {"opendkim"}},
        {"mariadb", {"mariadb.service", "mysql.service", "mysqld.service"}, {"mariadbd", "mysqld"}},
        {"unbound", {"unbound.service"}, {"unbound"}},
        {"spamassassin", {"spamd.service", "spamassassin.service"}, {"spamd"}},
        {"spamass-milter", {"spamass-milter.service"}, {"spamass-milter"}},
        {"nginx", {"nginx.service"}, {"nginx"}, Listed::as_web_server},
        {"apache", {"apache2.service", "httpd.service"}, {"apache2", "httpd"}, Listed::as_web_server},
        // One unit for each installed version of PHP.
        {"php-fpm", {"php-fpm.service"}, {"php-fpm*"}, Listed::always, {"php*-fpm.service"}},
        {"rsyslog", {"rsyslog.service"}, {"rsyslogd"}},
        {"fail2ban", {"fail2ban.service"}, {"fail2ban-server"}},
        // Without systemd it is one of many scripts of node.
        {"ceymail-dashboard", {"ceymail-dashboard.service"}, {}},
        {"ceymail-ai-filter", {}, {ai_filter_name}, Listed::when_enabled},
    };
    add_unit(services.back(), ai_filter_unit);
    return services;
}

std::vector<Service> with_entries(std::vector<Service> services, const std::vector<config::ServiceEntry>& entries) {
    for (const auto& entry : entries) {
        Service service{entry.name, {}, entry.processes};
        for (const auto& unit : entry.units) add_unit(service, unit);
        const auto known = std::ranges::find(services, entry.name, &Service::name);
        if (known == services.end()) {
            services.push_back(std::move(service));
        } else {
            *known = std::move(service);
        }
    }
    return services;
}

void find_enabled(std::vector<Service>& services, const std::set<std::string>& units) {
    for (auto& service : services) {
        service.enabled.clear();
        const auto is_wanted = [&](const std::string& unit) {
            return service.enabled.size() < k_max_enabled &&
                   std::ranges::any_of(
                       service.patterns, [&](const auto& pattern) { return config::matches(pattern, unit); });
        };
        std::ranges::copy_if(units, std::back_inserter(service.enabled), is_wanted);
    }
}

ServiceStates only_listed(const std::vector<Service>& services, ServiceStates states,
                          const std::function<bool(const Service&)>& enabled) {
    std::vector<std::size_t> web_servers;
    for (std::size_t i = 0; i < services.size(); ++i) {
        if (states[i] == ServiceState::absent) continue;
        if (services[i].listed == Listed::as_web_server) web_servers.push_back(i);
        if (services[i].listed == Listed::when_enabled && !enabled(services[i])) states[i] = ServiceState::absent;
    }
    if (web_servers.size() < 2) return states;
    const auto disabled = std::ranges::partition(web_servers, [&](std::size_t i) { return enabled(services[i]); });
    if (disabled.size() == web_servers.size()) return states;
    for (const std::size_t i : disabled) states[i] = ServiceState::absent;
    return states;
}

Families service_families(const std::vector<Service>& services, const ServiceStates& states, const StartTimes& starts) {
    exposition::MetricFamily up{"ceymail_service_up",
                                "1 if the service runs, 0 if it is installed and does not; absent if it is not "
                                "installed.",
                                exposition::MetricType::gauge};
    exposition::MetricFamily start{"ceymail_service_start_time_seconds",
                                   "Start of the main process of a service that runs, in seconds since 1970; of "
                                   "several the newest.",
                                   exposition::MetricType::gauge};
    for (std::size_t i = 0; i < services.size(); ++i) {
        const exposition::Sample sample{{{"name", services[i].name}}, std::uint64_t{states[i] == ServiceState::up}};
        if (states[i] != ServiceState::absent) up.samples.push_back(sample);
        if (starts[i]) start.samples.push_back({sample.labels, static_cast<double>(starts[i]->count()) / 1e6});
    }
    return {std::move(up), std::move(start)};
}

}  // namespace ceymail::collect
