// SPDX-License-Identifier: MIT
// Service: the services of a mail host, with their units and executables.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

// When an installed service has a sample.
enum class Listed {
    always,
    as_web_server,  // of several installed web servers the enabled ones; all if none is enabled
    when_enabled,
};

struct Service {
    std::string name;                      // the label of ceymail_service_up
    std::vector<std::string> units;        // the first loaded one is used
    std::vector<std::string> executables;  // without systemd: any of them
    Listed listed = Listed::always;
    std::vector<std::string> enabled{};  // with systemd: the enabled units of Postfix, see state_of_enabled()
};

enum class ServiceState { absent, down, up };  // absent: not installed

// One state for each service, in the same order.
using ServiceStates = std::vector<ServiceState>;

// Returns: the services in the order of the exposition, which is fixed.
[[nodiscard]] std::vector<Service> known_services(const std::string& ai_filter_unit,
                                                  const std::string& ai_filter_process);

// Source of service states: systemd or the process table. Threads: one at a time.
class ServiceSource {
public:
    virtual ~ServiceSource() = default;
    [[nodiscard]] virtual util::Result<ServiceStates> states(const std::vector<Service>& services,
                                                             util::BootTime deadline) = 0;
};

// Returns: the states, with `absent` for services that are not listed. `enabled` is called only if it makes a
// difference.
[[nodiscard]] ServiceStates only_listed(const std::vector<Service>& services, ServiceStates states,
                                        const std::function<bool(const Service&)>& enabled);

// Returns: ceymail_service_up with one sample for each service that is not absent.
[[nodiscard]] Families service_families(const std::vector<Service>& services, const ServiceStates& states);

}  // namespace ceymail::collect
