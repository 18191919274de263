// SPDX-License-Identifier: MIT
// Service: the services of a mail host, with their units and executables.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/config/service_entry.hpp"
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
    std::vector<std::string> units;        // valid names; the first loaded one is used, unless `enabled` decides
    std::vector<std::string> executables;  // without systemd: any of them; '*' stands for any characters
    Listed listed = Listed::always;
    std::vector<std::string> patterns{};  // of units; '*' stands for any characters
    std::vector<std::string> enabled{};   // the enabled units that match a pattern, see state_of_enabled()
};

enum class ServiceState { absent, down, up };  // absent: not installed

// One for each service, in the same order.
using ServiceStates = std::vector<ServiceState>;
using StartTime = std::chrono::microseconds;  // since 1970
using StartTimes = std::vector<std::optional<StartTime>>;

// Returns: the services in the order of the exposition, which is fixed. `ai_filter_unit`: a name or a pattern; any
// other text is no unit.
[[nodiscard]] std::vector<Service> known_services(const std::string& ai_filter_unit,
                                                  const std::string& ai_filter_process);

// Returns: `services`, in which each entry takes the place of the service of its name, or is added at the end.
[[nodiscard]] std::vector<Service> with_entries(std::vector<Service> services,
                                                const std::vector<config::ServiceEntry>& entries);

// Sets `enabled` of each service that has patterns to the first 64 of `units`, valid names, that match one.
void find_enabled(std::vector<Service>& services, const std::set<std::string>& units);

// Source of service states: systemd or the process table. Threads: one at a time.
class ServiceSource {
public:
    virtual ~ServiceSource() = default;
    [[nodiscard]] virtual util::Result<ServiceStates> states(const std::vector<Service>& services,
                                                             util::BootTime deadline) = 0;

    // Returns: the start of the main process of each service that is up in `states`. None: unknown.
    // Requires: `states` is of the last states(); a service that was up there may be absent here.
    [[nodiscard]] virtual StartTimes start_times(const ServiceStates& states) = 0;
};

// Returns: the states, with `absent` for services that are not listed. `enabled` is called only if it makes a
// difference.
[[nodiscard]] ServiceStates only_listed(const std::vector<Service>& services, ServiceStates states,
                                        const std::function<bool(const Service&)>& enabled);

// Returns: ceymail_service_up with one sample for each service that is not absent, and
// ceymail_service_start_time_seconds with one for each that has a start.
[[nodiscard]] Families service_families(const std::vector<Service>& services, const ServiceStates& states,
                                        const StartTimes& starts);

}  // namespace ceymail::collect
