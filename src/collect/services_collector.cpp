// SPDX-License-Identifier: MIT
#include "ceymail/collect/services_collector.hpp"

#include <algorithm>

#include "ceymail/collect/process_table.hpp"
#include "ceymail/collect/systemd_units.hpp"

namespace ceymail::collect {

ServicesCollector::ServicesCollector(ServicesOptions options)
    : m_options(std::move(options)),
      m_services(
          with_entries(known_services(m_options.ai_filter_unit, m_options.ai_filter_process), m_options.services)),
      m_systemd(std::make_unique<SystemdUnits>(m_options.bus_address, m_options.now)),
      m_processes(std::make_unique<ProcessTable>(m_options.root, m_options.proc, m_options.queue_directories)) {}

util::Result<Families> ServicesCollector::collect(util::BootTime deadline) {
    const bool by_systemd = uses_systemd();
    const auto& source = by_systemd ? m_systemd : m_processes;
    const auto enabled = enabled_units(m_options.root);
    if (by_systemd) find_enabled(m_services, enabled);
    CEYMAIL_TRY_ASSIGN(auto states, source->states(m_services, deadline));
    const auto is_enabled = [&](const Service& service) {
        if (!by_systemd && service.listed == Listed::when_enabled) return true;
        return !service.enabled.empty() ||
               std::ranges::any_of(service.units, [&](const auto& unit) { return enabled.contains(unit); });
    };
    const auto listed = only_listed(m_services, std::move(states), is_enabled);
    return service_families(m_services, listed, source->start_times(listed));
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

}  // namespace ceymail::collect
