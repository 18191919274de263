// SPDX-License-Identifier: MIT
// Revocation: no 200 for a request that began after `revoke` returned, with the database up or gone.
#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "support/live_responder.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t k_clients = 8;

// One token and the moment from which it opens nothing.
struct Life {
    std::string token;
    std::atomic<std::int64_t> revoked_at{0};  // 0: it lives
};

class Revocations {
public:
    explicit Revocations(Proof& proof) : m_proof(proof) {
        for (std::size_t i = 0; i < k_clients; ++i)
            m_clients.emplace_back([this, i](const std::stop_token& stop) { ask_on(i, stop); });
    }
    ~Revocations() { m_clients.clear(); }

    void generate_and_revoke(std::size_t cycles) {
        for (std::size_t i = 0; i < cycles; ++i) {
            begin_life();
            await_service();
            m_proof.hold(revoke() == 0, "revoke fails");
            std::this_thread::sleep_for(10ms);
        }
        m_proof.tell(cycles, "cycles");
    }

    // The database dies so long after `revoke` began. Where it was too late for the database to hear of it, the tool
    // says so; what the responder remembers is forgotten all the same.
    void stop_the_database_at(std::chrono::milliseconds offset) {
        begin_life();
        await_service();
        std::jthread killer([&] {
            std::this_thread::sleep_for(offset);
            m_live.database().kill();
        });
        m_revoked += revoke() == 0 ? 1 : 0;
        killer.join();
        std::this_thread::sleep_for(150ms);
        end_life();
        m_live.database().start();
        ++m_outages;
    }

    void settle() {
        m_clients.clear();
        m_proof.hold(m_late == 0, grouped(m_late) + " requests with a revoked token were served");
        m_proof.hold(m_served > 100, "only " + grouped(m_served) + " requests were served: hardly a race");
        m_proof.tell(m_outages, "outages, " + grouped(m_revoked) + " of them after the revocation");
        m_proof.tell(m_served, "requests served before");
        m_proof.tell(m_refused, "refused after");
    }

private:
    void begin_life() {
        auto life = std::make_shared<Life>();
        life->token = m_live.generate();
        m_life = std::move(life);
    }
    void end_life() { m_life = std::shared_ptr<Life>(); }

    // So long that the race is one.
    void await_service() const {
        const auto before = m_served.load();
        for (int i = 0; i < 1000 && m_served < before + k_clients; ++i) std::this_thread::sleep_for(2ms);
    }

    int revoke() {
        const auto life = m_life.load();
        const auto done = m_live.token_tool({"revoke"});
        life->revoked_at = util::BootClock::now().time_since_epoch().count();
        return done.status;
    }

    void ask_on(std::size_t, const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            std::this_thread::sleep_for(1ms);
            const auto life = m_life.load();
            if (!life) continue;
            const auto began_at = util::BootClock::now().time_since_epoch().count();
            const auto revoked_at = life->revoked_at.load();
            const auto reply = m_live.ask(life->token);
            if (reply.status == 200) ++m_served;
            if (revoked_at == 0 || began_at <= revoked_at) continue;
            ++(reply.status == 200 ? m_late : m_refused);
        }
    }

    Proof& m_proof;
    LiveResponder m_live{{.configuration = {{"rate_window", "1"}, {"workers", "4"}}}};
    std::atomic<std::shared_ptr<Life>> m_life;
    std::atomic<std::size_t> m_served{0}, m_refused{0}, m_late{0};
    std::size_t m_outages = 0, m_revoked = 0;
    std::vector<std::jthread> m_clients;
};

}  // namespace

void a_revoked_token_stays_revoked(Proof& proof) {
    Revocations revocations(proof);
    revocations.generate_and_revoke(proof.rounds(200, 10));
    const auto step = proof.time(20ms, 60ms);
    for (auto offset = 0ms; offset <= 200ms; offset += step) revocations.stop_the_database_at(offset);
    revocations.settle();
}

}  // namespace ceymail::testing
