// SPDX-License-Identifier: MIT
// Sources that hang: the scrape answers in its time with the others, nothing leaks, and all is well again soon after.
#include <algorithm>
#include <csignal>
#include <functional>
#include <optional>
#include <thread>

#include "support/fake_systemd.hpp"
#include "support/hung_mount.hpp"
#include "support/live_responder.hpp"
#include "support/miniature.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr const char* k_timeout = "HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS";
constexpr const char* k_collectors[] = {"cpu", "memory", "disk", "queue", "services", "accounts"};

std::string success_of(const std::string& collector) {
    return "ceymail_collector_success{collector=\"" + collector + "\"}";
}

// A host with sources that can be made to hang.
struct Host {
    TemporaryDirectory directory;
    FakeSystemd systemd{directory.path()};
    std::filesystem::path disk = directory / "disk";
    std::optional<LiveResponder> live;
    std::string token;

    Host() {
        systemd.set("nginx.service", {});
        std::filesystem::create_directory(disk);
        live.emplace(LiveSettings{.configuration = {{"rate_window", "1"},
                                                    {"cache_ttl", "0"},
                                                    {"work_budget_percent", "0"},
                                                    {"service_manager", "systemd"},
                                                    {"disk", disk}},
                                  .environment = {"DBUS_SYSTEM_BUS_ADDRESS=" + systemd.address()},
                                  .through_proxy = true});
        token = live->generate();
    }
};

struct Hang {
    const char* label;
    const char* missing;  // the one collector that it may cost; empty: any
    std::function<void(Host&)> begin;
    std::function<void(Host&)> end;
    bool on_a_mount = false;
};

class Hangs {
public:
    explicit Hangs(Proof& proof) : m_proof(proof) {
        m_proof.hold(eventually([this] { return is_well(); }), "the host is not well before anything hangs");
    }

    void hang(const Hang& hang, std::size_t scrapes) {
        const auto before = resources();
        hang.begin(m_host);
        m_began_at = util::BootClock::now();
        for (std::size_t i = 0; i < scrapes; ++i) scrape(hang, i % 4);
        const auto during = resources();
        m_proof.hold(during <= before + 4, std::string(hang.label) + ": descriptors and threads grew from " +
                                               std::to_string(before) + " to " + std::to_string(during));
        hang.end(m_host);
        const auto begin = util::BootClock::now();
        m_proof.hold(eventually([this] { return is_well(); }, 10s),
                     std::string(hang.label) + ": not well 10 s after\n" + m_last.body);
        m_slowest_recovery = std::max(m_slowest_recovery, since(begin));
    }

    void settle() const {
        m_proof.tell("slowest answer " + std::to_string(m_slowest.count()) + " ms");
        m_proof.tell("well again within " + std::to_string(m_slowest_recovery.count()) + " ms");
    }

private:
    static milliseconds since(util::BootTime begin) {
        return std::chrono::duration_cast<milliseconds>(util::BootClock::now() - begin);
    }

    // Prometheus says how long it waits; the answer is to come half a second before.
    void scrape(const Hang& hang, std::size_t kind) {
        const struct {
            Parameters more;
            milliseconds allowed;
        } kinds[] = {{{{k_timeout, "1.7"}}, 1400ms}, {{}, 5200ms}, {{{k_timeout, "2.5"}}, 2200ms}, {{}, 5200ms}};
        const auto& [more, allowed] = kinds[kind];
        m_last = m_host.live->ask(m_host.token, {}, more);
        m_slowest = std::max(m_slowest, m_last.took);
        m_proof.hold(m_last.status == 200 && m_last.took <= allowed, std::string(hang.label) + ": answered " +
                                                                         std::to_string(m_last.status) + " after " +
                                                                         std::to_string(m_last.took.count()) + " ms");
        if (*hang.missing == '\0') return;
        for (const std::string collector : k_collectors) {
            const auto success = value_of(m_last.body, success_of(collector)).value_or(0);
            if (collector == hang.missing && is_older_than_the_hang()) continue;
            m_proof.hold(
                success == (collector == hang.missing ? 0 : 1),
                std::string(hang.label) + ": " + collector + " is " + std::to_string(success) + "\n" + m_last.body);
        }
    }

    // An answer that had no time for a gathering of its own tells how old it is.
    [[nodiscard]] bool is_older_than_the_hang() const {
        const auto age = value_of(m_last.body, "ceymail_snapshot_age_seconds").value_or(0);
        constexpr double k_on_the_way = 0.05;
        return age + k_on_the_way >= std::chrono::duration<double>(since(m_began_at)).count();
    }

    bool is_well() {
        m_last = m_host.live->ask(m_host.token);
        return value_of(m_last.body, "ceymail_database_up") == 1 &&
               std::ranges::all_of(k_collectors, [this](const char* collector) {
                   return value_of(m_last.body, success_of(collector)) == 1;
               });
    }

    [[nodiscard]] std::size_t resources() const {
        std::size_t sum = 0;
        for (const pid_t pid : m_host.live->children()) sum += open_descriptors(pid) + thread_count(pid);
        return sum;
    }

    Proof& m_proof;
    Host m_host;
    Reply m_last;
    util::BootTime m_began_at;
    milliseconds m_slowest{0};
    milliseconds m_slowest_recovery{0};
};

}  // namespace

void a_hanging_source_costs_itself_alone(Proof& proof) {
    std::optional<HungMount> mount;
    const Hang hangs[] = {
        {"a systemd that does not answer", "services",
         [](Host& host) { host.systemd.answer_with(FakeAnswer::nothing); },
         [](Host& host) { host.systemd.answer_with(FakeAnswer::units); }},
        {"a D-Bus that is stopped", "services", [](Host& host) { host.systemd.bus().signal(SIGSTOP); },
         [](Host& host) { host.systemd.bus().signal(SIGCONT); }},
        {"a mount whose server is dead", "disk", [&](Host& host) { mount.emplace(host.disk); },
         [&](Host&) { mount.reset(); }, true},
        {"a MariaDB that drips", "accounts", [](Host& host) { host.live->proxy().inject(DatabaseFault::drip); },
         [](Host& host) { host.live->proxy().inject(DatabaseFault::none); }},
        {"a MariaDB that is silent", "accounts", [](Host& host) { host.live->proxy().inject(DatabaseFault::silence); },
         [](Host& host) { host.live->proxy().inject(DatabaseFault::none); }},
        {"a gatherer that is stopped", "", [](Host& host) { ::kill(host.live->gatherer(), SIGSTOP); },
         [](Host& host) { ::kill(host.live->gatherer(), SIGCONT); }},
        {"a gatherer that is stopped at a dead mount, then killed", "",
         [&](Host& host) {
             mount.emplace(host.disk);
             (void)host.live->ask(host.token);
             ::kill(host.live->gatherer(), SIGSTOP);
         },
         [&](Host& host) {
             ::kill(host.live->gatherer(), SIGKILL);
             mount.reset();
         },
         true},
    };
    Hangs host(proof);
    const auto scrapes = proof.rounds(4, 1);
    std::size_t tried = 0;
    for (const auto& hang : hangs) {
        // Containers often lack the device.
        if (hang.on_a_mount && !HungMount::possible()) continue;
        host.hang(hang, scrapes);
        ++tried;
    }
    proof.tell(tried, "kinds of hanging");
    if (tried < std::size(hangs)) proof.tell(std::size(hangs) - tried, "not tried for want of /dev/fuse");
    proof.tell(tried * scrapes, "scrapes meanwhile");
    host.settle();
}

}  // namespace ceymail::testing
