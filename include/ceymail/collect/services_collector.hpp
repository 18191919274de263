// SPDX-License-Identifier: MIT
// ServicesCollector: which services of the mail host run. DESIGN: services.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/collect/service.hpp"
#include "ceymail/config/configuration.hpp"

namespace ceymail::collect {

struct ServicesOptions {
    std::filesystem::path proc = "/proc";
    std::vector<std::filesystem::path> queue_directories{"/var/spool/postfix"};
    config::ServiceManager service_manager = config::ServiceManager::automatic;
    std::string ai_filter_unit = "ceymail-ai-filter.service";
    std::string ai_filter_process = "ceymail-ai-filter";
    std::filesystem::path root = "/";  // before /usr/sbin, /etc/systemd and the like
    std::string bus_address{};         // empty: the system bus
    util::ClockFunction now = util::BootClock::now;
};

// Asks systemd where it runs (/run/systemd/system, sd_booted(3)) or is said to, else the process table. A stuck bus
// costs 1 s at most. Starts no processes.
// Of nginx and Apache the installed one is told of; where both are, the enabled one, and both where both or neither
// are, so that a web server that merely lies there is not "down" for ever. The AI filter is told of if its unit is
// enabled; on machines without systemd, where nothing can be, if it is installed.
class ServicesCollector final : public Collector {
public:
    explicit ServicesCollector(ServicesOptions options);

    [[nodiscard]] std::string_view name() const noexcept override { return "services"; }
    [[nodiscard]] bool depends_on_database() const noexcept override { return true; }
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

private:
    [[nodiscard]] bool asks_systemd() const;
    [[nodiscard]] bool is_enabled(const Service& service, bool by_systemd) const;

    ServicesOptions m_options;
    std::vector<Service> m_services;
    std::unique_ptr<ServiceSource> m_systemd;
    std::unique_ptr<ServiceSource> m_processes;
};

}  // namespace ceymail::collect
