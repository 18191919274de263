// SPDX-License-Identifier: MIT
// FakeSystemd: a real dbus-daemon for one test, and a peer on it that answers for systemd: ListUnitsByNames, and the
// properties of units that tell when they were started.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/child_process.hpp"

struct sd_bus_message;

namespace ceymail::testing {

struct FakeUnit {
    std::string id{};  // what the unit is called, where the name asked for is an alias; empty: as asked
    std::string load = "loaded";
    std::string active = "active";
    std::string sub = "running";
    std::uint32_t main_pid = 0;      // MainPID
    std::uint64_t main_start = 0;    // ExecMainStartTimestamp
    std::uint64_t active_since = 0;  // ActiveEnterTimestamp
};

// hang_up: says what the bus says when systemd has left in the middle of a call.
enum class FakeAnswer { units, nothing, refusal, one_too_few, hang_up, hang_up_once };

// The answer to a call for a property.
enum class FakeProperty { value, nothing, refusal, another_type };

// Throws std::runtime_error where the bus does not come up. Units that were not set are "not-found".
class FakeSystemd {
public:
    // The socket and the configuration of the bus are made in `directory`; one that was left there is replaced.
    explicit FakeSystemd(const std::filesystem::path& directory);
    ~FakeSystemd();
    FakeSystemd(const FakeSystemd&) = delete;
    FakeSystemd& operator=(const FakeSystemd&) = delete;

    [[nodiscard]] std::string address() const { return m_address; }
    [[nodiscard]] ChildProcess& bus() { return *m_daemon; }

    void set(const std::string& name, FakeUnit unit);
    void answer_with(FakeAnswer answer) { m_answer = answer; }
    void answer_with(FakeProperty answer) { m_property = answer; }
    [[nodiscard]] int calls() const { return m_calls; }      // ListUnitsByNames
    [[nodiscard]] int reads() const { return m_reads; }      // properties
    [[nodiscard]] int others() const { return m_others; }    // anything else that was asked of systemd
    [[nodiscard]] int callers() const { return m_callers; }  // connections that called, one after the other

private:
    static int on_message(sd_bus_message* message, void* self, void* error);
    int reply(sd_bus_message* call);
    int reply_property(sd_bus_message* call);
    std::string path_of(const std::string& name);
    void serve();

    std::string m_address;
    std::unique_ptr<ChildProcess> m_daemon;
    std::mutex m_mutex;
    std::map<std::string, FakeUnit> m_units;
    std::vector<std::string> m_paths;  // the unit's name, by the number in its object path
    std::string m_last_caller;
    std::atomic<FakeAnswer> m_answer{FakeAnswer::units};
    std::atomic<FakeProperty> m_property{FakeProperty::value};
    std::atomic<int> m_calls{0};
    std::atomic<int> m_reads{0};
    std::atomic<int> m_others{0};
    std::atomic<int> m_callers{0};
    std::atomic<bool> m_ready{false};
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

}  // namespace ceymail::testing
