// SPDX-License-Identifier: MIT
// MariaDB stopped, killed, full, locked and restarted: never a wrong 401 or 200, and all is well at once after.
#include <csignal>
#include <functional>
#include <thread>

#include "support/live_responder.hpp"
#include "support/miniature.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr const char* k_stranger = "ceymail_metrics_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct Chaos {
    const char* label;
    std::function<void(MariadbServer&)> begin;
    std::function<void(MariadbServer&)> end;
    bool ends_in_a_pause = false;  // after a time-out MariaDB is not asked for up to 2 s
};

class Chaotic {
public:
    explicit Chaotic(Proof& proof) : m_proof(proof) {
        m_proof.hold(m_live.ask(m_token).status == 200, "the responder does not answer");
        m_workers = m_live.workers();
        for (const auto& token : {m_token, std::string(k_stranger)})
            m_clients.emplace_back([this, token](const std::stop_token& stop) { ask_on(token, stop); });
    }
    ~Chaotic() { m_clients.clear(); }

    void pass_through(const Chaos& chaos, std::chrono::milliseconds time) {
        chaos.begin(m_live.database());
        std::this_thread::sleep_for(time);
        chaos.end(m_live.database());
        if (chaos.ends_in_a_pause)
            (void)eventually([&] { return value_of(m_live.ask(m_token).body, "ceymail_database_up") == 1; }, 3s);
        // Each worker has a connection of its own that may have died.
        for (std::size_t i = 0; i < 2 * m_workers.size(); ++i) {
            const auto reply = m_live.ask(m_token);
            m_proof.hold(reply.status == 200 && value_of(reply.body, "ceymail_database_up") == 1,
                         std::string(chaos.label) + ": the first request after was not served as usual but " +
                             std::to_string(reply.status));
        }
    }

    void settle() {
        m_clients.clear();
        m_proof.hold(m_refused == 0, "the right token was refused " + grouped(m_refused) + " times");
        m_proof.hold(m_wrongly_served == 0, "a wrong token was served " + grouped(m_wrongly_served) + " times");
        m_proof.hold(m_other == 0, grouped(m_other) + " answers of another kind, such as " + std::to_string(m_example) +
                                       " after " + std::to_string(m_example_took.load().count()) + " ms\n" +
                                       m_live.log());
        m_proof.hold(m_stale > 0, "no scrape was served by the grace");
        m_proof.hold(m_live.log().find("Bad file descriptor") == std::string::npos,
                     "a descriptor was closed under a collector:\n" + m_live.log());
        m_proof.hold(m_live.workers() == m_workers, "a worker has died:\n" + m_live.log());
        m_proof.tell(m_served, "times 200 for the token");
        m_proof.tell(m_stale, "of them by the grace");
        m_proof.tell(m_denied, "times 401 and");
        m_proof.tell(m_unknown, "times 503 for another");
        m_proof.tell("no worker lost");
    }

private:
    void ask_on(const std::string& token, const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            token == m_token ? judge_scraper(m_live.ask(token)) : judge_stranger(m_live.ask(token));
            std::this_thread::sleep_for(2ms);
        }
    }
    void judge_scraper(const Reply& reply) {
        if (reply.status == 200) {
            ++m_served;
            if (value_of(reply.body, "ceymail_auth_stale") == 1) ++m_stale;
        } else if (reply.status == 401) {
            ++m_refused;
        } else if (reply.status != 503) {
            note_other(reply);
        }
    }
    void note_other(const Reply& reply) {
        ++m_other;
        m_example = reply.status;
        m_example_took = reply.took;
    }
    void judge_stranger(const Reply& reply) {
        if (reply.status == 401) {
            ++m_denied;
        } else if (reply.status == 503) {
            ++m_unknown;
        } else if (reply.status == 200) {
            ++m_wrongly_served;
        } else {
            note_other(reply);
        }
    }

    Proof& m_proof;
    LiveResponder m_live{{.configuration = {{"rate_window", "1"}, {"workers", "3"}}}};
    std::string m_token = m_live.generate();
    std::vector<pid_t> m_workers;
    std::atomic<std::size_t> m_served{0}, m_stale{0}, m_refused{0}, m_denied{0}, m_unknown{0}, m_wrongly_served{0},
        m_other{0};
    std::atomic<int> m_example{0};
    std::atomic<std::chrono::milliseconds> m_example_took{};
    std::vector<std::jthread> m_clients;
};

// Another session of the administrator's, until it is told to end.
class Session {
public:
    Session(const MariadbServer& server, const std::string& sql)
        : m_client({.arguments = {"mariadb", "--no-defaults", "--socket=" + server.socket().string()},
                    .input = sql + "; SELECT SLEEP(60)"}) {}

private:
    ChildProcess m_client;
};

bool succeeds(const MariadbServer& server, const std::string& sql) {
    try {
        server.query(sql);
        return true;
    } catch (const std::runtime_error&) {
        return false;
    }
}

void kill_connections(const MariadbServer& server) {
    const auto kills =
        server.query("SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE user = 'worker'");
    (void)succeeds(server, kills);  // one of them may have gone by itself
}

}  // namespace

void a_failing_database_opens_nothing(Proof& proof) {
    std::vector<std::unique_ptr<Session>> sessions;
    const auto end_sessions = [&](MariadbServer& server) {
        sessions.clear();
        (void)eventually([&] { return succeeds(server, "SET GLOBAL max_connections = 60, GLOBAL read_only = 0"); });
    };
    const Chaos restart{"a restart", [](auto& server) { server.stop(); }, [](auto& server) { server.start(); }};
    const Chaos others[] = {
        {"SIGSTOP", [](auto& server) { server.pause(); }, [](auto& server) { server.resume(); }, true},
        {"SIGKILL", [](auto& server) { server.kill(); }, [](auto& server) { server.start(); }},
        {"KILL of every connection", kill_connections, kill_connections},
        {"no connection left",
         [&](auto& server) {
             server.query("SET GLOBAL max_connections = 10");
             kill_connections(server);
             for (int i = 0; i < 11; ++i) sessions.push_back(std::make_unique<Session>(server, "SELECT 1"));
             std::this_thread::sleep_for(200ms);
         },
         end_sessions},
        {"read only", [](auto& server) { server.query("SET GLOBAL read_only = 1"); }, end_sessions},
        {"a lock on the token's row",
         [&](auto& server) {
             sessions.push_back(
                 std::make_unique<Session>(server, "BEGIN; SELECT * FROM ceymail_dashboard.metrics_tokens FOR UPDATE"));
             std::this_thread::sleep_for(200ms);
         },
         end_sessions},
    };
    Chaotic chaotic(proof);
    const auto rounds = proof.rounds(3, 1);
    for (std::size_t i = 0; i < rounds; ++i) {
        for (const auto& chaos : others) chaotic.pass_through(chaos, proof.time(1500ms, 300ms));
    }
    const auto restarts = proof.rounds(50, 2);
    for (std::size_t i = 0; i < restarts; ++i) chaotic.pass_through(restart, 50ms);
    proof.tell(restarts, "restarts");
    proof.tell(rounds * std::size(others), "other troubles");
    chaotic.settle();
}

}  // namespace ceymail::testing
