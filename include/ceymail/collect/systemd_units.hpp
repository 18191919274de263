// SPDX-License-Identifier: MIT
// SystemdUnits: the states of units, asked of systemd over D-Bus. org.freedesktop.systemd1(5).
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ceymail/collect/service.hpp"

struct sd_bus;

namespace ceymail::collect {

struct UnitState {
    std::string load;    // LoadState: "loaded", "not-found", "masked", ...
    std::string active;  // ActiveState: "active", "inactive", "failed", ...
    std::string sub;     // SubState: "running", "exited", "dead", ...
};

// One unit's states, in the order of a service's units, to the service's. Pure.
//  - The first loaded unit counts. Up is active or reloading, as for `systemctl is-active`, with a main process:
//    Postfix's oneshot of Debian 12, which stays active (exited) whatever happens, is never up.
//  - A unit file that is there but broken (bad-setting, error) counts as loaded: the service is installed. Masked or
//    removed it does not, unless the service still runs.
//  - An instance ("postfix@-.service") is loaded wherever its template is, also where the service runs under another
//    unit (Debian 13: postfix.service); so one that is not up yields to a later unit that is.
[[nodiscard]] ServiceState state_of_units(const std::vector<std::string>& names, const std::vector<UnitState>& units);

// The same for the enabled units of Postfix, of which there may be several: "postfix@NAME.service" for each instance,
// and "postfix.service". All instances that are loaded must run. "postfix.service" must be active, in whatever way: on
// Debian 12 it stands for all instances and has no process. No value where no instance is loaded: then
// state_of_units() tells.
[[nodiscard]] std::optional<ServiceState> state_of_enabled(const std::vector<std::string>& names,
                                                           const std::vector<UnitState>& units);

// What the last look saw of each unit, since a state alone does not tell how long a reload has gone on, nor whether
// there is a main process meanwhile.
class ReloadWatch {
public:
    // The longest that a unit is believed to reload. systemd itself gives up after TimeoutStartSec=, 90 s by default.
    static constexpr std::chrono::minutes k_longest{2};

    // Makes the unit `name` a dead one (SubState) if it has been reloading in every look for longer than k_longest, or
    // had no main process before it began to.
    void look_at(const std::string& name, UnitState& unit, util::BootTime now);

private:
    struct Seen {
        bool had_process = true;
        std::optional<util::BootTime> reloading_since{};
    };
    std::map<std::string, Seen> m_seen;
};

// Whether systemd would take it as the name of a service that can be loaded: systemd.unit(5). One ill name in a call
// fails the call for all, so such names are not asked for.
[[nodiscard]] bool is_service_unit_name(const std::string& name);

// Whether `root` is that of a machine on which systemd runs: sd_booted(3).
[[nodiscard]] bool systemd_runs(const std::filesystem::path& root);

// Whether a unit is enabled, by the links that `systemctl enable` and generators make: a link of its name in a *.wants
// or *.requires directory of /etc/systemd/system, /run/systemd/system or /run/systemd/generator. The files are asked
// and not systemd, because that would be another D-Bus call a unit, and because they answer on machines without systemd
// too. Directories that cannot be read hold no links.
[[nodiscard]] bool is_unit_enabled(const std::filesystem::path& root, const std::string& unit);

// By the same links, "postfix.service" and every "postfix@NAME.service" that is enabled, each once, in order.
[[nodiscard]] std::vector<std::string> enabled_postfix_units(const std::filesystem::path& root);

// Owns one connection to the bus, kept between calls. Opened by the first call, so that it may be made before a
// fork(2). One thread at a time.
class SystemdUnits final : public ServiceSource {
public:
    // `address`: of the bus, D-Bus specification; empty: $DBUS_SYSTEM_BUS_ADDRESS or the system bus. `now`: for how
    // long a unit has been reloading.
    explicit SystemdUnits(std::string address = {}, util::ClockFunction now = util::BootClock::now);
    ~SystemdUnits() override;

    // One ListUnitsByNames call, and one more on a new connection where bus or systemd have gone away. All of it,
    // connecting included, takes 1 s at most, less where the deadline is nearer. Errors: timed_out, denied,
    // unavailable; the next call starts afresh.
    [[nodiscard]] util::Result<std::vector<UnitState>> list(const std::vector<std::string>& names,
                                                            util::BootTime deadline);

    [[nodiscard]] util::Result<ServiceStates> states(const std::vector<Service>& services,
                                                     util::BootTime deadline) override;

private:
    struct Closer {
        void operator()(sd_bus* bus) const noexcept;
    };
    [[nodiscard]] util::Result<void> connect(util::BootTime deadline);
    [[nodiscard]] util::Result<std::vector<UnitState>> ask(const std::vector<std::string>& names,
                                                           util::BootTime deadline);

    std::string m_address;
    util::ClockFunction m_now;
    ReloadWatch m_watch;
    std::unique_ptr<sd_bus, Closer> m_bus;
};

}  // namespace ceymail::collect
