// SPDX-License-Identifier: MIT
#include "ceymail/collect/unit_start_times.hpp"

#include <array>
#include <memory>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <systemd/sd-bus.h>

namespace ceymail::collect {

namespace {

using util::BootClock;
using util::BootTime;

constexpr const char* k_unit = "org.freedesktop.systemd1.Unit";
constexpr const char* k_service = "org.freedesktop.systemd1.Service";

struct Property {
    const char* interface;
    const char* name;
    char type;  // of D-Bus
    std::uint64_t UnitProcess::* field;
};
constexpr std::array k_properties{Property{k_service, "MainPID", 'u', &UnitProcess::main_pid},
                                  Property{k_service, "ExecMainStartTimestamp", 't', &UnitProcess::main_start},
                                  Property{k_unit, "ActiveEnterTimestamp", 't', &UnitProcess::active_since}};

// One property of one unit, while the answer is awaited.
struct Read {
    const std::string* path;
    const Property* property;
    UnitProcess* unit;
    std::size_t* pending;
    std::size_t* missing;  // of the unit
    std::unique_ptr<sd_bus_slot, decltype(&sd_bus_slot_unref)> slot{nullptr, sd_bus_slot_unref};
};

int on_answer(sd_bus_message* message, void* data, sd_bus_error*) {
    auto& read = *static_cast<Read*>(data);
    --*read.pending;
    if (sd_bus_message_is_method_error(message, nullptr) > 0) return 1;
    const auto& [interface, name, type, field] = *read.property;
    if (sd_bus_message_enter_container(message, 'v', std::array{type, '\0'}.data()) <= 0) return 1;
    std::uint64_t wide = 0;
    std::uint32_t narrow = 0;
    const bool is_wide = type == 't';
    if (sd_bus_message_read_basic(message, type, is_wide ? static_cast<void*>(&wide) : &narrow) <= 0) return 1;
    read.unit->*field = is_wide ? wide : narrow;
    --*read.missing;
    return 1;
}

void send(sd_bus* bus, Read& read) {
    sd_bus_slot* slot = nullptr;
    if (sd_bus_call_method_async(bus, &slot, "org.freedesktop.systemd1", read.path->c_str(),
                                 "org.freedesktop.DBus.Properties", "Get", on_answer, &read, "ss",
                                 read.property->interface, read.property->name) < 0)
        return;
    read.slot.reset(slot);
    ++*read.pending;
}

// All calls are sent before the first answer is awaited, so they cost one round trip together.
std::vector<UnitProcess> read_processes(sd_bus* bus, const std::vector<std::string>& paths, BootTime deadline) {
    std::vector<UnitProcess> units(paths.size());
    std::vector<Read> reads;
    reads.reserve(paths.size() * k_properties.size());  // sd-bus holds pointers to the elements
    std::size_t pending = 0;
    std::vector<std::size_t> missing(paths.size(), k_properties.size());
    for (std::size_t i = 0; i < paths.size(); ++i) {
        for (const auto& property : k_properties) {
            reads.push_back({&paths[i], &property, &units[i], &pending, &missing[i]});
            send(bus, reads.back());
        }
    }
    while (pending != 0 && BootClock::now() < deadline) {
        const int progress = sd_bus_process(bus, nullptr);
        if (progress < 0) break;  // the bus has restarted; the next call finds that out
        if (progress > 0) continue;
        const auto left = std::chrono::ceil<std::chrono::microseconds>(deadline - BootClock::now()).count();
        if (left > 0 && sd_bus_wait(bus, static_cast<std::uint64_t>(left)) < 0) break;
    }
    for (std::size_t i = 0; i < units.size(); ++i) units[i].complete = missing[i] == 0;
    return units;
}

// Source: pidfd_open(2), Linux 5.3. Needs neither a permission nor a visible /proc. None: the unit is asked each time.
util::Fd open_process(std::uint64_t pid) {
    return pid == 0 ? util::Fd() : util::Fd(static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
}

// A pidfd becomes readable when the process has ended.
bool runs(const util::Fd& process) {
    pollfd one{process.get(), POLLIN, 0};
    return process && ::poll(&one, 1, 0) == 0;
}

}  // namespace

std::optional<StartTime> start_of(const UnitProcess& unit) {
    if (!unit.complete) return {};
    if (unit.main_pid != 0 && unit.main_start != 0) return StartTime{unit.main_start};
    const bool has_main_process = unit.main_pid != 0 || unit.main_start != 0;
    if (has_main_process || unit.active_since == 0) return {};
    return StartTime{unit.active_since};
}

std::vector<std::optional<StartTime>> UnitStartTimes::read(sd_bus* bus, const std::vector<std::string>& paths,
                                                           BootTime deadline) {
    std::map<std::string, Known> known;
    std::vector<std::string> unknown;
    for (const auto& path : paths) {
        if (known.contains(path)) continue;  // two services may name one unit
        const auto before = m_known.find(path);
        if (before != m_known.end() && runs(before->second.process)) {
            known.insert(m_known.extract(before));
        } else {
            unknown.push_back(path);
        }
    }
    const auto units = read_processes(bus, unknown, deadline);
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (const auto start = start_of(units[i])) known[unknown[i]] = {open_process(units[i].main_pid), *start};
    }
    std::vector<std::optional<StartTime>> starts;
    for (const auto& path : paths) {
        const auto found = known.find(path);
        starts.push_back(found == known.end() ? std::nullopt : std::optional(found->second.start));
    }
    m_known = std::move(known);
    return starts;
}

}  // namespace ceymail::collect
