// SPDX-License-Identifier: MIT
#include "ceymail/collect/systemd_units.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <systemd/sd-bus.h>

#include "ceymail/util/folder.hpp"

namespace ceymail::collect {

namespace {

using util::BootClock;
using util::BootTime;
using util::ErrorKind;

constexpr std::chrono::seconds k_longest_call{1};
constexpr const char* k_system_bus = "unix:path=/run/dbus/system_bus_socket";
constexpr std::size_t k_longest_unit_name = 255;
constexpr int k_most_unasked = 256;  // messages

struct MessageUnref {
    void operator()(sd_bus_message* message) const noexcept { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, MessageUnref>;

struct BusError {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    BusError() = default;
    BusError(const BusError&) = delete;
    BusError& operator=(const BusError&) = delete;
    ~BusError() { sd_bus_error_free(&error); }
};

// At least 1: sd-bus takes 0 for "the default", which is 25 s.
std::uint64_t remaining_us(BootTime deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::microseconds>(deadline - BootClock::now()).count();
    return left < 1 ? 1 : static_cast<std::uint64_t>(left);
}

bool says_that_it_is_gone(const sd_bus_error* told) {
    return sd_bus_error_has_names(told, SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_SERVICE_UNKNOWN,
                                  SD_BUS_ERROR_NAME_HAS_NO_OWNER) > 0;
}

std::unexpected<util::Error> cannot_ask(int error, const sd_bus_error* told = nullptr) {
    ErrorKind kind = ErrorKind::unavailable;
    std::string remedy = "start dbus.service, or set service_manager = processes";
    if (told != nullptr && says_that_it_is_gone(told)) {  // NoReply is an ETIMEDOUT to sd-bus, but nobody waited
        remedy = "wait if systemd is starting anew, else set service_manager = processes";
    } else if (error == ETIMEDOUT) {
        kind = ErrorKind::timed_out;
        remedy = "look at systemctl status dbus.service";
    } else if (error == EACCES || error == EPERM) {
        kind = ErrorKind::denied;
        remedy = "allow org.freedesktop.systemd1 in the policy of the system bus";
    }
    std::array<char, 128> buffer{};
    const std::string cause =
        told != nullptr && told->message != nullptr ? told->message : strerror_r(error, buffer.data(), buffer.size());
    return util::fail(kind, "cannot ask systemd which services run: " + cause + "; " + remedy, error);
}

std::unexpected<util::Error> cannot_understand(const std::string& cause) {
    return util::fail(ErrorKind::unavailable, "cannot understand which services systemd says run: " + cause +
                                                  "; set service_manager = processes, and report it");
}

// sd_bus_call() would wait for the greeting without any limit, if it were left to it.
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

// Takes in what has come since the last call, unasked for: it would fill the queue in the end.
void take_stock(sd_bus* bus) {
    for (int i = 0; i < k_most_unasked && sd_bus_process(bus, nullptr) > 0; ++i) {
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
        if (r > 0) units.push_back({load, active, sub});
    }
    if (r < 0) return cannot_understand("its answer has an unknown form");
    return units;
}

bool is_loaded(const UnitState& unit) {
    return unit.load == "loaded" || unit.load == "bad-setting" || unit.load == "error";
}

bool is_running(const UnitState& unit) { return unit.active == "active" && unit.sub == "running"; }

bool is_link(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::is_symlink(std::filesystem::symlink_status(path, ignored));
}

// Whether one of the folder's *.wants and *.requires has a link of that name.
bool is_wanted_in(const std::filesystem::path& folder, const std::string& unit) {
    auto names = util::Folder::open(folder);
    if (!names) return false;
    for (auto name = names->next(); name && !name->empty(); name = names->next()) {
        const bool wants = name->ends_with(".wants") || name->ends_with(".requires");
        if (wants && is_link(folder / *name / unit)) return true;
    }
    return false;
}

}  // namespace

ServiceState state_of_units(const std::vector<std::string>& names, const std::vector<UnitState>& units) {
    ServiceState state = ServiceState::absent;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (!is_loaded(units[i])) continue;
        if (is_running(units[i])) return ServiceState::up;
        state = ServiceState::down;
        if (names[i].find('@') == std::string::npos) break;
    }
    return state;
}

bool is_service_unit_name(const std::string& name) {
    constexpr std::string_view k_suffix = ".service";
    constexpr std::string_view k_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
    if (name.size() > k_longest_unit_name || !name.ends_with(k_suffix)) return false;
    const std::string_view stem{name.data(), name.size() - k_suffix.size()};
    if (stem.empty() || stem.starts_with('@') || stem.ends_with('@')) return false;  // a template cannot be loaded
    return stem.find_first_not_of(k_letters) == std::string_view::npos;
}

bool systemd_runs(const std::filesystem::path& root) {
    std::error_code ignored;
    return std::filesystem::is_directory(root / "run/systemd/system", ignored);
}

bool is_unit_enabled(const std::filesystem::path& root, const std::string& unit) {
    return is_wanted_in(root / "etc/systemd/system", unit) || is_wanted_in(root / "run/systemd/system", unit);
}

void SystemdUnits::Closer::operator()(sd_bus* bus) const noexcept {
    sd_bus_close_unref(bus);  // not the flushing one, which waits for a stuck peer
}

SystemdUnits::SystemdUnits(std::string address) : m_address(std::move(address)) {
    if (!m_address.empty()) return;
    const char* set = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
    m_address = set != nullptr ? set : k_system_bus;
}

SystemdUnits::~SystemdUnits() = default;

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

util::Result<std::vector<UnitState>> SystemdUnits::ask(const std::vector<std::string>& names, BootTime deadline) {
    if (!m_bus) {
        if (auto connected = connect(deadline); !connected) return std::unexpected(std::move(connected.error()));
    }
    take_stock(m_bus.get());
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(m_bus.get(), &raw, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                                           "org.freedesktop.systemd1.Manager", "ListUnitsByNames");
    const Message call{raw};
    std::vector<char*> list;
    for (const auto& name : names) list.push_back(const_cast<char*>(name.c_str()));
    list.push_back(nullptr);
    if (r >= 0) r = sd_bus_message_append_strv(raw, list.data());
    if (r >= 0) r = sd_bus_message_set_auto_start(raw, 0);  // a systemd that is away is not started by asking it
    BusError error;
    sd_bus_message* raw_reply = nullptr;
    if (r >= 0) r = sd_bus_call(m_bus.get(), raw, remaining_us(deadline), &error.error, &raw_reply);
    const Message reply{raw_reply};
    if (r >= 0) return read_units(raw_reply);

    m_bus.reset();  // whatever it was: an answer that is late, or a queue that is full, cannot hurt the next call
    return cannot_ask(-r, &error.error);
}

util::Result<std::vector<UnitState>> SystemdUnits::list(const std::vector<std::string>& names, BootTime deadline) {
    const BootTime until = std::min(deadline, BootClock::now() + k_longest_call);
    auto units = ask(names, until);
    // Once more: the bus may have been restarted since the last call, or systemd during this one.
    if (!units && units.error().kind == ErrorKind::unavailable) units = ask(names, until);
    if (units && units->size() != names.size()) {
        return cannot_understand(std::to_string(units->size()) + " units where " + std::to_string(names.size()) +
                                 " were asked for");
    }
    return units;
}

util::Result<ServiceStates> SystemdUnits::states(const std::vector<Service>& services, BootTime deadline) {
    std::vector<std::string> names;
    for (const auto& service : services) {
        std::copy_if(service.units.begin(), service.units.end(), std::back_inserter(names), is_service_unit_name);
    }
    const auto units = list(names, deadline);
    if (!units) return std::unexpected(units.error());

    // Taken by place and not by name: systemd answers in our order, but names an alias by what it stands for.
    ServiceStates states;
    std::size_t next = 0;
    for (const auto& service : services) {
        std::vector<std::string> own_names;
        std::vector<UnitState> own_units;
        for (const auto& name : service.units) {
            if (!is_service_unit_name(name)) continue;
            own_names.push_back(name);
            own_units.push_back((*units)[next++]);
        }
        states.push_back(state_of_units(own_names, own_units));
    }
    return states;
}

}  // namespace ceymail::collect
