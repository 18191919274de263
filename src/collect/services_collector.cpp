// SPDX-License-Identifier: MIT
#include "ceymail/collect/services_collector.hpp"

#include <algorithm>

#include "ceymail/collect/process_table.hpp"
#include "ceymail/collect/systemd_units.hpp"

namespace ceymail::collect {

ServicesCollector::ServicesCollector(const config::Configuration& configuration, std::filesystem::path root,
                                     std::string bus_address, util::ClockFunction now)
    : m_manager(configuration.service_manager),
      m_root(std::move(root)),
      m_services(with_entries(known_services(configuration.ai_filter_unit, configuration.ai_filter_process),
                              configuration.services)),
      m_systemd(std::make_unique<SystemdUnits>(std::move(bus_address), now)),
      m_processes(std::make_unique<ProcessTable>(m_root, configuration.proc, configuration.queue_directories)) {}

util::Result<Families> ServicesCollector::collect(util::BootTime deadline) {
    using enum config::ServiceManager;
    const bool by_systemd = m_manager == systemd || (m_manager == automatic && systemd_runs(m_root));
    const auto& source = by_systemd ? m_systemd : m_processes;
    const auto enabled = enabled_units(m_root);
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

}  // namespace ceymail::collect
