// SPDX-License-Identifier: MIT
#include "ceymail/collect/services_collector.hpp"

#include <algorithm>

#include "ceymail/collect/process_table.hpp"
#include "ceymail/collect/systemd_units.hpp"

namespace ceymail::collect {

ServicesCollector::ServicesCollector(ServicesOptions options)
    : m_options(std::move(options)),
      m_services(known_services(m_options.ai_filter_unit, m_options.ai_filter_process)),
      m_systemd(std::make_unique<SystemdUnits>(m_options.bus_address, m_options.now)),
      m_processes(std::make_unique<ProcessTable>(m_options.root, m_options.proc, m_options.queue_directories)) {}

util::Result<Families> ServicesCollector::collect(util::BootTime deadline) {
    const bool by_systemd = uses_systemd();
    const auto& source = by_systemd ? m_systemd : m_processes;
    if (by_systemd) m_services.front().enabled = enabled_postfix_units(m_options.root);  // Postfix comes first
    CEYMAIL_TRY_ASSIGN(auto states, source->states(m_services, deadline));
    const auto listed = only_listed(m_services, std::move(states),
                                    [&](const Service& service) { return is_enabled(service, by_systemd); });
    return service_families(m_services, listed);
}

bool ServicesCollector::uses_systemd() const {
    switch (m_options.service_manager) {
        case config::ServiceManager::systemd:
            return true;
        case config::ServiceManager::processes:
            return false;
        case config::ServiceManager::automatic:
            break;
    }
    return systemd_runs(m_options.root);
}

bool ServicesCollector::is_enabled(const Service& service, bool by_systemd) const {
    if (!by_systemd && service.listed == Listed::when_enabled) return true;
    return std::any_of(service.units.begin(), service.units.end(),
                       [&](const auto& unit) { return is_unit_enabled(m_options.root, unit); });
}

}  // namespace ceymail::collect
