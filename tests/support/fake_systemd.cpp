// SPDX-License-Identifier: MIT
#include "support/fake_systemd.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <vector>

#include <systemd/sd-bus.h>

namespace ceymail::testing {

namespace {

constexpr const char* k_interface = "org.freedesktop.systemd1.Manager";
constexpr const char* k_path = "/org/freedesktop/systemd1";
const std::string k_unit_path = "/org/freedesktop/systemd1/unit/";
constexpr std::chrono::milliseconds k_look_again{10};
constexpr int k_looks = 1000;

std::filesystem::path write_configuration(const std::filesystem::path& directory, const std::string& address) {
    const auto file = directory / "bus.conf";
    std::ofstream{file} << "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
                           " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
                           "<busconfig><listen>"
                        << address
                        << "</listen><auth>EXTERNAL</auth><policy context=\"default\"><allow user=\"*\"/>"
                           "<allow own=\"*\"/><allow send_destination=\"*\"/><allow receive_sender=\"*\"/>"
                           "</policy></busconfig>\n";
    return file;
}

struct Unref {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};

std::unique_ptr<sd_bus, Unref> connect(const std::string& address) {
    sd_bus* raw = nullptr;
    if (sd_bus_new(&raw) < 0) return {};
    std::unique_ptr<sd_bus, Unref> bus{raw};
    if (sd_bus_set_address(raw, address.c_str()) < 0 || sd_bus_set_bus_client(raw, 1) < 0 || sd_bus_start(raw) < 0) {
        return {};
    }
    return bus;
}

}  // namespace

FakeSystemd::FakeSystemd(const std::filesystem::path& directory)
    : m_address("unix:path=" + (directory / "bus").string()) {
    std::filesystem::remove(directory / "bus");
    const auto configuration = write_configuration(directory, m_address);
    m_daemon = std::make_unique<ChildProcess>(
        ChildOptions{.arguments = {"dbus-daemon", "--nofork", "--nosyslog", "--print-address",
                                   "--config-file=" + configuration.string()}});
    for (int i = 0; i < k_looks && m_daemon->output().empty() && m_daemon->running(); ++i) {
        std::this_thread::sleep_for(k_look_again);
    }
    m_thread = std::thread{[this] { serve(); }};
    for (int i = 0; i < k_looks && !m_ready; ++i) std::this_thread::sleep_for(k_look_again);
    if (m_ready) return;
    m_stop = true;
    m_thread.join();
    throw std::runtime_error("dbus-daemon does not answer: " + m_daemon->errors());
}

FakeSystemd::~FakeSystemd() {
    m_stop = true;
    m_thread.join();
}

void FakeSystemd::set(const std::string& name, FakeUnit unit) {
    const std::lock_guard lock{m_mutex};
    m_units[name] = std::move(unit);
}

int FakeSystemd::on_message(sd_bus_message* message, void* self, void*) {
    return static_cast<FakeSystemd*>(self)->reply(message);
}

int FakeSystemd::reply(sd_bus_message* call) {
    if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "Get") > 0) return reply_property(call);
    if (sd_bus_message_is_method_call(call, k_interface, "ListUnitsByNames") <= 0) {
        ++m_others;
        return 0;
    }
    ++m_calls;
    if (const std::string caller = sd_bus_message_get_sender(call); caller != m_last_caller) {
        m_last_caller = caller;
        ++m_callers;
    }
    if (m_answer == FakeAnswer::nothing) return 1;
    if (m_answer == FakeAnswer::refusal) {
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_ACCESS_DENIED, "not for you");
    }
    if (m_answer == FakeAnswer::hang_up || m_answer == FakeAnswer::hang_up_once) {
        if (m_answer == FakeAnswer::hang_up_once) m_answer = FakeAnswer::units;
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_NO_REPLY, "gone");
    }
    sd_bus_message* raw = nullptr;
    sd_bus_message_new_method_return(call, &raw);
    const std::unique_ptr<sd_bus_message, Unref> answer{raw};
    sd_bus_message_open_container(raw, 'a', "(ssssssouso)");
    sd_bus_message_enter_container(call, 'a', "s");
    const std::lock_guard lock{m_mutex};
    bool skip = m_answer == FakeAnswer::one_too_few;
    for (const char* name = nullptr; sd_bus_message_read(call, "s", &name) > 0; skip = false) {
        if (skip) continue;
        const auto known = m_units.find(name);
        const FakeUnit unit = known == m_units.end() ? FakeUnit{"", "not-found", "inactive", "dead"} : known->second;
        sd_bus_message_append(raw, "(ssssssouso)", unit.id.empty() ? name : unit.id.c_str(), "", unit.load.c_str(),
                              unit.active.c_str(), unit.sub.c_str(), "", path_of(name).c_str(), 0U, "", "/");
    }
    sd_bus_message_close_container(raw);
    return sd_bus_send(nullptr, raw, nullptr);
}

std::string FakeSystemd::path_of(const std::string& name) {
    const auto known = std::find(m_paths.begin(), m_paths.end(), name);
    const auto number = known - m_paths.begin();
    if (known == m_paths.end()) m_paths.push_back(name);
    return k_unit_path + std::to_string(number);
}

int FakeSystemd::reply_property(sd_bus_message* call) {
    ++m_reads;
    if (m_property == FakeProperty::nothing) return 1;
    if (m_property == FakeProperty::refusal)
        return sd_bus_reply_method_errorf(call, SD_BUS_ERROR_ACCESS_DENIED, "not for you");
    const std::lock_guard lock{m_mutex};
    const FakeUnit unit =
        m_units.at(m_paths.at(std::stoul(std::string(sd_bus_message_get_path(call)).substr(k_unit_path.size()))));
    const char *interface = nullptr, *name = nullptr;
    sd_bus_message_read(call, "ss", &interface, &name);
    const std::string property = std::string(interface) + '.' + name;
    if (m_property == FakeProperty::another_type) return sd_bus_reply_method_return(call, "v", "s", "yesterday");
    if (property == "org.freedesktop.systemd1.Service.MainPID")
        return sd_bus_reply_method_return(call, "v", "u", unit.main_pid);
    if (property == "org.freedesktop.systemd1.Service.ExecMainStartTimestamp")
        return sd_bus_reply_method_return(call, "v", "t", unit.main_start);
    if (property == "org.freedesktop.systemd1.Unit.ActiveEnterTimestamp")
        return sd_bus_reply_method_return(call, "v", "t", unit.active_since);
    ++m_others;
    return 0;
}

void FakeSystemd::serve() {
    const auto bus = connect(m_address);
    if (!bus) return;
    sd_bus_add_fallback(
        bus.get(), nullptr, k_path,
        [](sd_bus_message* message, void* self, sd_bus_error* error) { return on_message(message, self, error); },
        this);
    if (sd_bus_request_name(bus.get(), "org.freedesktop.systemd1", 0) < 0) return;
    m_ready = true;
    while (!m_stop) {
        const int progress = sd_bus_process(bus.get(), nullptr);
        if (progress < 0) return;  // the bus has died
        if (progress == 0) sd_bus_wait(bus.get(), 10'000);
    }
}

}  // namespace ceymail::testing
