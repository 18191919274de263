// SPDX-License-Identifier: MIT
// SystemdUnits: the states of units, from systemd over D-Bus. org.freedesktop.systemd1(5).
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ceymail/collect/service.hpp"
#include "ceymail/collect/unit_start_times.hpp"
#include "ceymail/config/service_entry.hpp"

struct sd_bus;

namespace ceymail::collect {

struct UnitState {
    std::string load;    // LoadState: "loaded", "not-found", "masked", ...
    std::string active;  // ActiveState: "active", "inactive", "failed", ...
    std::string sub;     // SubState: "running", "exited", "dead", ...
    std::string path{};  // object path on D-Bus
};

// Returns: the state of a service from the states of its units, which are in the same order as `names`.
//  - The first loaded unit decides. Up is active or reloading, as for `systemctl is-active`, with a main process. So
//    the oneshot unit of Postfix in Debian 12, which is always active (exited), is never up.
//  - A unit with a broken file (bad-setting, error) counts as loaded: the service is installed. A masked or removed one
//    does not, unless the service still runs.
//  - An instance ("postfix@-.service") is loaded if its template exists, even if the service runs under another unit
//    (Debian 13: postfix.service). So after an instance that is not up, later units count too.
[[nodiscard]] ServiceState state_of_units(const std::vector<std::string>& names, const std::vector<UnitState>& units);

// Returns: the same for the enabled units that match a pattern. All loaded ones must run.
//  - "postfix.service" must be active, with or without a process: on Debian 12 it groups all instances and has none.
//  - Another unit that is active (exited), and is no instance, counts only if no other one is loaded: it prepares
//    something for them.
// None if no unit counts: state_of_units() decides then.
[[nodiscard]] std::optional<ServiceState> state_of_enabled(const std::vector<std::string>& names,
                                                           const std::vector<UnitState>& units);

// Remembers the last state of each unit. One state alone shows neither how long a reload has lasted, nor whether there
// is a main process meanwhile.
class ReloadWatch {
public:
    // A longer reload counts as down. systemd itself stops it after TimeoutStartSec=, 90 s by default.
    static constexpr std::chrono::minutes k_max_reload{2};

    // Sets SubState to "dead" if the unit `name` has been reloading in every call for longer than k_max_reload, or if
    // it had no main process before the reload.
    void update(const std::string& name, UnitState& unit, util::BootTime now);

private:
    struct Seen {
        bool had_process = true;
        std::optional<util::BootTime> reloading_since{};
    };
    std::map<std::string, Seen> m_seen;
};

// One invalid name makes a whole call fail, so list() requires valid names.
using config::is_service_unit_name;

// Whether systemd runs on the host whose root directory is `root`: sd_booted(3).
[[nodiscard]] bool systemd_runs(const std::filesystem::path& root);

// Returns: the names of all enabled services, sorted. `systemctl enable` and generators make a link of a unit's name in
// a *.wants or *.requires directory of /etc/systemd/system, /run/systemd/system or /run/systemd/generator. Reading the
// links saves a D-Bus call for each unit or pattern, and works without systemd. A directory that cannot be read counts
// as empty.
[[nodiscard]] std::set<std::string> enabled_units(const std::filesystem::path& root);

// Owns one connection to the bus, kept between calls. The first call opens it, so the object may be constructed before
// a fork(2). Threads: one at a time.
class SystemdUnits final : public ServiceSource {
public:
    // `address`: of the bus, D-Bus specification; empty: $DBUS_SYSTEM_BUS_ADDRESS or the system bus. `now`: the clock
    // of ReloadWatch.
    explicit SystemdUnits(std::string address = {}, util::ClockFunction now = util::BootClock::now);

    // Makes one ListUnitsByNames call, and a second on a new connection if the bus or systemd has restarted. Both,
    // including the connection, end within 1 s or at the deadline.
    // Errors: timed_out, denied, unavailable. The next call opens a new connection.
    [[nodiscard]] util::Result<std::vector<UnitState>> list(const std::vector<std::string>& names,
                                                            util::BootTime deadline);

    [[nodiscard]] util::Result<ServiceStates> states(const std::vector<Service>& services,
                                                     util::BootTime deadline) override;

    // Ends within the 1 s of the last states().
    [[nodiscard]] StartTimes start_times(const ServiceStates& states) override;

private:
    struct Closer {
        void operator()(sd_bus* bus) const noexcept;
    };
    [[nodiscard]] util::Result<void> connect(util::BootTime deadline);
    [[nodiscard]] util::Result<std::vector<UnitState>> call(const std::vector<std::string>& names,
                                                            util::BootTime deadline);

    std::string m_address;
    util::ClockFunction m_now;
    ReloadWatch m_watch;
    UnitStartTimes m_start_times;
    std::vector<std::vector<std::string>> m_running;  // of the last states(): for each service its running units
    util::BootTime m_until{};                         // of the last states()
    std::unique_ptr<sd_bus, Closer> m_bus;
};

}  // namespace ceymail::collect
