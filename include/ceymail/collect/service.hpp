// SPDX-License-Identifier: MIT
// Service: what a mail host runs, under which units and executables, and what is said of it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

// When an installed service is told of.
enum class Listed {
    always,
    as_web_server,  // of several installed web servers the enabled ones; all where none or all are
    when_enabled,
};

struct Service {
    std::string name;                      // the label of ceymail_service_up
    std::vector<std::string> units;        // the first loaded one counts
    std::vector<std::string> executables;  // without systemd: any of them
    Listed listed = Listed::always;
    std::vector<std::string> enabled{};  // by systemd: of Postfix the enabled units, see state_of_enabled()
};

enum class ServiceState { absent, down, up };  // absent: not installed

// One state a service, in their order.
using ServiceStates = std::vector<ServiceState>;

// DESIGN: services. In the order of the exposition, which is fixed.
[[nodiscard]] std::vector<Service> known_services(const std::string& ai_filter_unit,
                                                  const std::string& ai_filter_process);

// Who knows which services run: systemd or the process table. One thread at a time.
class ServiceSource {
public:
    virtual ~ServiceSource() = default;
    [[nodiscard]] virtual util::Result<ServiceStates> states(const std::vector<Service>& services,
                                                             util::BootTime deadline) = 0;
};

// The states with `absent` for the services that are not to be told of. `enabled` is asked only where the answer
// matters.
[[nodiscard]] ServiceStates only_listed(const std::vector<Service>& services, ServiceStates states,
                                        const std::function<bool(const Service&)>& enabled);

// ceymail_service_up: one sample for each service that is not absent.
[[nodiscard]] Families service_families(const std::vector<Service>& services, const ServiceStates& states);

}  // namespace ceymail::collect
