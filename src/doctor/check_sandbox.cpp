// SPDX-License-Identifier: MIT
#include <cstdlib>
#include <memory>
#include <set>
#include <string>

#include <systemd/sd-bus.h>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/doctor/confinement.hpp"
#include "ceymail/doctor/unit_sandbox.hpp"
#include "ceymail/system/instance_lock.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::doctor {

namespace {

constexpr const char* k_systemd = "org.freedesktop.systemd1";
constexpr const char* k_unit = "ceymail-metrics.service";
constexpr const char* k_unit_interface = "org.freedesktop.systemd1.Unit";
constexpr const char* k_service_interface = "org.freedesktop.systemd1.Service";
constexpr std::size_t k_longest_unit = 65536;

struct Release {
    void operator()(sd_bus* bus) const noexcept { sd_bus_flush_close_unref(bus); }
    void operator()(sd_bus_message* message) const noexcept { sd_bus_message_unref(message); }
    void operator()(char* text) const noexcept { std::free(text); }
};
using Bus = std::unique_ptr<sd_bus, Release>;
using Message = std::unique_ptr<sd_bus_message, Release>;
using Text = std::unique_ptr<char, Release>;

Bus system_bus() {
    sd_bus* bus = nullptr;
    sd_bus_open_system(&bus);
    return Bus(bus);
}

std::string text_property(sd_bus* bus, const char* path, const char* interface, const char* name) {
    char* value = nullptr;
    if (sd_bus_get_property_string(bus, k_systemd, path, interface, name, nullptr, &value) < 0) return {};
    return Text(value).get();
}

std::set<std::string> property_names(sd_bus* bus, const char* path) {
    sd_bus_message* reply = nullptr;
    sd_bus_call_method(bus, k_systemd, path, "org.freedesktop.DBus.Properties", "GetAll", nullptr, &reply, "s",
                       k_service_interface);
    const Message message(reply);
    std::set<std::string> names;
    if (!message || sd_bus_message_enter_container(reply, 'a', "{sv}") <= 0) return names;
    while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
        const char* name = nullptr;
        if (sd_bus_message_read(reply, "s", &name) <= 0) break;
        names.insert(name);
        if (sd_bus_message_skip(reply, "v") < 0 || sd_bus_message_exit_container(reply) < 0) break;
    }
    return names;
}

std::set<std::string> allowed_system_calls(sd_bus* bus, const char* path) {
    sd_bus_message* reply = nullptr;
    sd_bus_get_property(bus, k_systemd, path, k_service_interface, "SystemCallFilter", nullptr, &reply, "(bas)");
    const Message message(reply);
    std::set<std::string> names;
    int allows = 0;
    if (!message || sd_bus_message_enter_container(reply, 'r', "bas") <= 0 ||
        sd_bus_message_read(reply, "b", &allows) <= 0 || sd_bus_message_enter_container(reply, 'a', "s") <= 0)
        return names;
    for (const char* name = nullptr; sd_bus_message_read(reply, "s", &name) > 0;) names.insert(name);
    return names;
}

std::string listed(const std::vector<std::string>& words, const char* after_each) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word + after_each;
    return text;
}

}  // namespace

// Without a bus or a unit there is nothing to compare: other parts report that.
void check_sandbox(CheckReport& report, const config::Configuration&) {
    const auto bus = system_bus();
    char* encoded = nullptr;
    if (!bus || sd_bus_path_encode("/org/freedesktop/systemd1/unit", k_unit, &encoded) < 0) return;
    const Text path(encoded);
    const auto file = text_property(bus.get(), path.get(), k_unit_interface, "FragmentPath");
    const auto unit = util::read_file(file, k_longest_unit);
    const auto properties = property_names(bus.get(), path.get());
    if (file.empty() || !unit || properties.empty()) return;
    const auto version =
        text_property(bus.get(), "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "Version");
    const auto directives = unknown_directives(*unit, properties);
    const auto calls = unknown_system_calls(*unit, allowed_system_calls(bus.get(), path.get()));
    if (!directives.empty())
        report.warn("sandbox", "systemd " + version + " does not know " + listed(directives, "=") + " of " + k_unit +
                                   " and leaves them out: the service is confined less than elsewhere; systemd 248 "
                                   "(Ubuntu 22.04, Debian 12) knows all of the shipped unit");
    if (!calls.empty())
        report.warn("sandbox", "the system calls " + listed(calls, "") + " of " + k_unit +
                                   " are not allowed: its libseccomp does not know them, or a drop-in takes them away; "
                                   "without them the service does not use Landlock");
    if (directives.empty() && calls.empty()) report.ok("sandbox", "systemd " + version + " knows all of the unit");
}

void check_apparmor(CheckReport& report, const config::Configuration& configuration) {
    const auto supervisor = system::find_instance(configuration.runtime_directory);
    if (!supervisor) return;
    if (!has_apparmor()) return report.ok("apparmor", "this kernel does without it");
    const auto confinement = confinement_of(configuration.proc, *supervisor);
    if (!confinement)
        return report.warn("apparmor",
                           "whether the service is confined can only be read as root: "
                           "sudo ceymail-metrics --check");
    if (confinement->profile.empty())
        return report.warn("apparmor",
                           "no profile confines the service, systemd's sandbox alone does: apparmor_parser -r "
                           "/etc/apparmor.d/ceymail-metrics && systemctl restart ceymail-metrics, unless a web server "
                           "starts it or AppArmorProfile= was taken away");
    report.ok("apparmor", "profile " + confinement->profile + ", mode " + confinement->mode);
}

}  // namespace ceymail::doctor
