// SPDX-License-Identifier: MIT
// SystemdUnits: the states of units, asked of systemd over D-Bus. org.freedesktop.systemd1(5).
#pragma once

#include <filesystem>
#include <memory>
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
//  - The first loaded unit counts; up is active and running. Postfix's oneshot of Debian 12, which stays active
//    (exited) whatever happens, is never up.
//  - A unit file that is there but broken (bad-setting, error) counts as loaded: the service is installed.
//  - An instance ("postfix@-.service") is loaded wherever its template is, also where the service runs under another
//    unit (Debian 13: postfix.service); so one that is not up yields to a later unit that is.
[[nodiscard]] ServiceState state_of_units(const std::vector<std::string>& names, const std::vector<UnitState>& units);

// Whether systemd would take it as the name of a service that can be loaded: systemd.unit(5). One ill name in a call
// fails the call for all, so such names are not asked for.
[[nodiscard]] bool is_service_unit_name(const std::string& name);

// Whether `root` is that of a machine on which systemd runs: sd_booted(3).
[[nodiscard]] bool systemd_runs(const std::filesystem::path& root);

// Whether a unit is enabled, by the links that `systemctl enable` makes: a link of its name in a *.wants or
// *.requires folder of /etc/systemd/system or /run/systemd/system. The files are asked and not systemd, because
// that would be another D-Bus call a unit, and because they answer on machines without systemd too. Folders that
// cannot be read hold no links.
[[nodiscard]] bool is_unit_enabled(const std::filesystem::path& root, const std::string& unit);

// Owns one connection to the bus, kept between calls. Opened by the first call, so that it may be made before a
// fork(2). One thread at a time.
class SystemdUnits final : public ServiceSource {
public:
    // `address`: of the bus, D-Bus specification; empty: $DBUS_SYSTEM_BUS_ADDRESS or the system bus.
    explicit SystemdUnits(std::string address = {});
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
    std::unique_ptr<sd_bus, Closer> m_bus;
};

}  // namespace ceymail::collect
