// SPDX-License-Identifier: MIT
// ServicesCollector: which services of the mail host run.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/collect/service.hpp"
#include "ceymail/config/configuration.hpp"

namespace ceymail::collect {

// Queries systemd if it runs (/run/systemd/system, sd_booted(3)) or is configured, else reads the process table. A bus
// that does not answer costs 1 s at most. Starts no processes.
// If both nginx and Apache are installed, only the enabled ones have a sample, or both if neither is enabled. So an
// unused web server is not "down" for ever. The AI filter has a sample if a unit of it is enabled; without systemd, if
// it is installed.
class ServicesCollector final : public Collector {
public:
    // `root`: prefix of /usr/sbin, /etc/systemd and so on. `bus_address`: empty: the system bus.
    explicit ServicesCollector(const config::Configuration& configuration, std::filesystem::path root = "/",
                               std::string bus_address = {}, util::ClockFunction now = util::BootClock::now);

    [[nodiscard]] std::string_view name() const noexcept override { return "services"; }
    [[nodiscard]] bool depends_on_database() const noexcept override { return true; }
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

private:
    config::ServiceManager m_manager;
    std::filesystem::path m_root;
    std::vector<Service> m_services;
    std::unique_ptr<ServiceSource> m_systemd;
    std::unique_ptr<ServiceSource> m_processes;
};

}  // namespace ceymail::collect
