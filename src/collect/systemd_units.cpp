// SPDX-License-Identifier: MIT
#include "ceymail/collect/systemd_units.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include <systemd/sd-bus.h>

#include "ceymail/util/directory.hpp"

namespace ceymail::collect {

namespace {

using util::BootClock;
using util::BootTime;
using util::ErrorKind;

constexpr std::chrono::seconds k_max_call{1};
constexpr const char* k_system_bus = "unix:path=/run/dbus/system_bus_socket";
constexpr const char* k_without_systemd =
    "set service_manager = processes, then systemctl daemon-reload && systemctl restart ceymail-metrics";
constexpr std::string_view k_postfix = "postfix.service";
constexpr int k_max_unread = 256;  // messages

using Message = std::unique_ptr<sd_bus_message, decltype([](sd_bus_message* one) { sd_bus_message_unref(one); })>;
using BusError = std::unique_ptr<sd_bus_error, decltype([](sd_bus_error* one) { sd_bus_error_free(one); })>;

// Returns: at least 1, since 0 means the default of 25 s to sd-bus.
std::uint64_t remaining_us(BootTime deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - BootClock::now()).count();
    return left < 1 ? 1 : static_cast<std::uint64_t>(left);
}

bool is_peer_gone(const sd_bus_error* reported) {
    return sd_bus_error_has_names(reported, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_SERVICE_UNKNOWN,
                                  SD_BUS_ERROR_NAME_HAS_NO_OWNER) > 0;
}

std::unexpected<util::Error> cannot_ask(int error, const sd_bus_error* reported = nullptr) {
    ErrorKind kind = ErrorKind::unavailable;
    std::string remedy = std::string("start dbus.service, or ") + k_without_systemd;
    if (reported != nullptr && is_peer_gone(reported)) {  // sd-bus reports NoReply as ETIMEDOUT
        remedy = std::string("wait if systemd is restarting, else ") + k_without_systemd;
    } else if (error == ETIMEDOUT) {
        kind = ErrorKind::timed_out;
        remedy = "look at systemctl status dbus.service";
    } else if (error == EACCES || error == EPERM) {
        kind = ErrorKind::denied;
        remedy = "allow org.freedesktop.systemd1 in the policy of the system bus";
    }
    std::array<char, 128> buffer{};
    const std::string cause = reported != nullptr && reported->message != nullptr
                                  ? reported->message
                                  : strerror_r(error, buffer.data(), buffer.size());
    return util::fail(kind, "cannot ask systemd which services run: " + cause + "; " + remedy, error);
}

std::unexpected<util::Error> cannot_understand(const std::string& cause) {
    return util::fail(ErrorKind::unavailable, "cannot understand which services systemd says run: " + cause +
                                                  "; report it, and meanwhile " + k_without_systemd);
}

// Without this, sd_bus_call() would wait for the connection without a limit.
int wait_until_ready(sd_bus* bus, BootTime deadline) {
    for (;;) {
        if (const int ready = sd_bus_is_ready(bus); ready != 0) return ready;
        if (BootClock::now() >= deadline) return -ETIMEDOUT;
        const int progress = sd_bus_process(bus, nullptr);
        if (progress < 0) return progress;
        if (progress > 0) continue;
        const int woken = sd_bus_wait(bus, remaining_us(deadline));
        if (woken < 0 && woken != -EINTR) return woken;
    }
}

// Discards messages that came since the last call, such as signals: they would fill the queue.
void discard_unread(sd_bus* bus) {
    for (int i = 0; i < k_max_unread && sd_bus_process(bus, nullptr) > 0; ++i) {
    }
}

util::Result<std::vector<UnitState>> read_units(sd_bus_message* reply) {
    std::vector<UnitState> units;
    int r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
    while (r > 0) {
        const char *id, *description, *load, *active, *sub, *following, *path, *job_type, *job_path;
        std::uint32_t job_id;
        r = sd_bus_message_read(reply, "(ssssssouso)", &id, &description, &load, &active, &sub, &following, &path,
                                &job_id, &job_type, &job_path);
        if (r > 0) units.push_back({load, active, sub, path});
    }
    if (r < 0) return cannot_understand("its answer has an unknown form");
    return units;
}

bool is_loaded(const UnitState& unit) {
    return unit.load == "loaded" || unit.load == "bad-setting" || unit.load == "error";
}

bool is_reloading(const UnitState& unit) { return unit.active == "reloading" || unit.active == "refreshing"; }

// "reload", and in newer versions "reload-signal", "reload-notify", "refresh-extensions" and others.
bool is_running(const UnitState& unit) {
    return (unit.active == "active" && unit.sub == "running") ||
           (is_reloading(unit) && (unit.sub.starts_with("reload") || unit.sub.starts_with("refresh")));
}

bool is_instance(const std::string& name) { return name.find('@') != std::string::npos; }

// Directories with links of enabled units. generator.late: scripts of /etc/init.d, systemd-sysv-generator(8).
constexpr std::array<const char*, 5> k_unit_directories{"etc/systemd/system", "run/systemd/system",
                                                        "run/systemd/generator", "run/systemd/generator.early",
                                                        "run/systemd/generator.late"};

std::vector<std::string> names_in(const std::filesystem::path& directory) {
    std::vector<std::string> names;
    auto entries = util::Directory::open(directory);
    if (!entries) return names;
    for (auto name = entries->next(); name && !name->empty(); name = entries->next()) names.emplace_back(*name);
    return names;
}

// Returns: the object paths of the first `most` running units.
std::vector<std::string> running_paths(const std::vector<UnitState>& units, std::size_t most) {
    std::vector<std::string> paths;
    for (const auto& unit : units)
        if (is_running(unit) && paths.size() < most) paths.push_back(unit.path);
    return paths;
}

bool is_exited(const UnitState& unit) { return unit.active == "active" && unit.sub == "exited"; }

}  // namespace

ServiceState state_of_units(const std::vector<std::string>& names, const std::vector<UnitState>& units) {
    ServiceState state = ServiceState::absent;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (is_running(units[i])) return ServiceState::up;
        if (!is_loaded(units[i])) continue;
        state = ServiceState::down;
        if (!is_instance(names[i])) break;
    }
    return state;
}

std::optional<ServiceState> state_of_enabled(const std::vector<std::string>& names,
                                             const std::vector<UnitState>& units) {
    std::optional<ServiceState> state;
    bool all_up = true;
    bool any_exited = false;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (names[i] == k_postfix) {
            if (is_loaded(units[i])) all_up &= units[i].active == "active" || is_running(units[i]);
        } else if (is_exited(units[i]) && !is_instance(names[i])) {
            any_exited = true;
        } else if (is_loaded(units[i]) || is_running(units[i])) {
            all_up &= is_running(units[i]);
            state = ServiceState::down;
        }
    }
    if (state && all_up) return ServiceState::up;
    return state || !any_exited ? state : ServiceState::down;
}

void ReloadWatch::update(const std::string& name, UnitState& unit, BootTime now) {
    Seen& seen = m_seen[name];
    if (!is_reloading(unit)) {
        seen = {.had_process = is_running(unit)};
        return;
    }
    if (!seen.reloading_since) seen.reloading_since = now;
    if (!seen.had_process || now - *seen.reloading_since > k_max_reload) unit.sub = "dead";
}

bool systemd_runs(const std::filesystem::path& root) {
    std::error_code ignored;
    return std::filesystem::is_directory(root / "run/systemd/system", ignored);
}

std::set<std::string> enabled_units(const std::filesystem::path& root) {
    std::set<std::string> units;
    std::error_code ignored;
    for (const char* where : k_unit_directories) {
        for (const auto& name : names_in(root / where)) {
            if (!name.ends_with(".wants") && !name.ends_with(".requires")) continue;
            const auto directory = root / where / name;
            for (const auto& unit : names_in(directory))
                if (is_service_unit_name(unit) && std::filesystem::is_symlink(directory / unit, ignored))
                    units.insert(unit);
        }
    }
    return units;
}

void SystemdUnits::Closer::operator()(sd_bus* bus) const noexcept {
    sd_bus_close_unref(bus);  // without flush, which may block
}

SystemdUnits::SystemdUnits(std::string address, util::ClockFunction now) : m_address(std::move(address)), m_now(now) {
    if (!m_address.empty()) return;
    const char* set = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
    m_address = set != nullptr ? set : k_system_bus;
}

util::Result<void> SystemdUnits::connect(BootTime deadline) {
    sd_bus* raw = nullptr;
    if (const int r = sd_bus_new(&raw); r < 0) return cannot_ask(-r);
    m_bus.reset(raw);
    int r = sd_bus_set_address(raw, m_address.c_str());
    if (r >= 0) r = sd_bus_set_bus_client(raw, 1);
    if (r >= 0) r = sd_bus_start(raw);
    if (r >= 0) r = wait_until_ready(raw, deadline);
    if (r >= 0) return {};
    m_bus.reset();
    return cannot_ask(-r);
}

util::Result<std::vector<UnitState>> SystemdUnits::call(const std::vector<std::string>& names, BootTime deadline) {
    if (!m_bus) CEYMAIL_TRY(connect(deadline));
    discard_unread(m_bus.get());
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(m_bus.get(), &raw, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                           "org.freedesktop.systemd1.Manager", "ListUnitsByNames");
    const Message request{raw};
    std::vector<char*> list;
    for (const auto& name : names) list.push_back(const_cast<char*>(name.c_str()));
    list.push_back(nullptr);
    if (r >= 0) r = sd_bus_message_append_strv(raw, list.data());
    if (r >= 0) r = sd_bus_message_set_auto_start(raw, 0);  // does not start systemd
    sd_bus_error error = SD_BUS_ERROR_NULL;
    const BusError freed{&error};
    sd_bus_message* raw_reply = nullptr;
    if (r >= 0) r = sd_bus_call(m_bus.get(), raw, remaining_us(deadline), &error, &raw_reply);
    const Message reply{raw_reply};
    if (r >= 0) return read_units(raw_reply);

    m_bus.reset();  // so that a late answer or a full queue cannot affect the next call
    return cannot_ask(-r, &error);
}

util::Result<std::vector<UnitState>> SystemdUnits::list(const std::vector<std::string>& names, BootTime deadline) {
    m_until = std::min(deadline, BootClock::now() + k_max_call);
    auto units = call(names, m_until);
    // The bus may have restarted since the last call, or systemd during this one.
    if (!units && units.error().kind == ErrorKind::unavailable) units = call(names, m_until);
    if (units && units->size() != names.size()) {
        return cannot_understand(std::to_string(units->size()) + " units where " + std::to_string(names.size()) +
                                 " were asked for");
    }
    return units;
}

util::Result<ServiceStates> SystemdUnits::states(const std::vector<Service>& services, BootTime deadline) {
    std::vector<std::string> names;
    for (const auto& service : services) {
        std::ranges::copy(service.units, std::back_inserter(names));
        std::ranges::copy(service.enabled, std::back_inserter(names));
    }
    CEYMAIL_TRY_ASSIGN(auto units, list(names, deadline));
    const auto now = m_now();
    for (std::size_t i = 0; i < names.size(); ++i) m_watch.update(names[i], units[i], now);

    // By position, not by name: systemd answers in the same order, but returns the real name of an alias.
    ServiceStates states;
    auto next = std::make_move_iterator(units.begin());
    const auto take = [&](const std::vector<std::string>& wanted) {
        const auto first = std::exchange(next, next + std::ssize(wanted));
        return std::vector<UnitState>(first, next);
    };
    m_running.clear();
    for (const auto& service : services) {
        const auto own = take(service.units);
        const auto enabled = take(service.enabled);
        const auto of_enabled = state_of_enabled(service.enabled, enabled);
        states.push_back(of_enabled ? *of_enabled : state_of_units(service.units, own));
        m_running.push_back(of_enabled ? running_paths(enabled, enabled.size()) : running_paths(own, 1));
    }
    return states;
}

// Of several units the newest start: each restart changes it.
StartTimes SystemdUnits::start_times(const ServiceStates& states) {
    std::vector<std::string> paths;
    for (std::size_t i = 0; i < states.size(); ++i) {
        if (states[i] == ServiceState::up) paths.insert(paths.end(), m_running[i].begin(), m_running[i].end());
    }
    StartTimes starts(states.size());
    if (!m_bus) return starts;
    const auto of_units = m_start_times.read(m_bus.get(), paths, m_until);
    auto next = of_units.begin();
    for (std::size_t i = 0; i < states.size(); ++i) {
        if (states[i] != ServiceState::up) continue;
        const auto end = next + static_cast<std::ptrdiff_t>(m_running[i].size());
        // None is less than any start: one that is missing could be the newest.
        if (next != end && *std::min_element(next, end)) starts[i] = *std::max_element(next, end);
        next = end;
    }
    return starts;
}

}  // namespace ceymail::collect
