// SPDX-License-Identifier: MIT
// Slow and silent peers hold no worker beyond 2 s; without descriptors workers wait, and go on when there are some.
#include <memory>
#include <thread>

#include "support/fastcgi_client.hpp"
#include "support/live_responder.hpp"
#include "support/miniature.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr unsigned k_workers = 2;

struct Slow {
    const char* label;
    std::size_t at_once;  // bytes of the request that are sent at first
    std::size_t drip;     // then so many every 20 ms
};

constexpr Slow k_slow[] = {
    {"silent", 0, 0},
    {"half a request", 100, 0},
    {"a byte at a time", 0, 1},
    {"all but the last byte", static_cast<std::size_t>(-1), 0},
};

class Peers {
public:
    explicit Peers(Proof& proof) : m_proof(proof) { m_workers = m_live.workers(); }

    // One for each worker, so that the next request has to wait for the first of them to be let go.
    void stall(const Slow& kind) {
        const auto whole = request(scrape_parameters("Bearer " + m_token));
        std::vector<std::unique_ptr<FastcgiClient>> peers;
        for (unsigned i = 0; i < k_workers; ++i) {
            peers.push_back(std::make_unique<FastcgiClient>(m_live.address()));
            peers.back()->send(whole.substr(0, std::min(kind.at_once, whole.size() - 1)));
        }
        std::jthread dripping([&](const std::stop_token& stop) {
            for (auto at = kind.at_once; kind.drip != 0 && at < whole.size() && !stop.stop_requested(); ++at) {
                for (const auto& peer : peers) peer->send(whole.substr(at, kind.drip));
                std::this_thread::sleep_for(20ms);
            }
        });
        std::this_thread::sleep_for(50ms);  // they are in hand
        const auto reply = m_live.ask(m_token);
        m_slowest = std::max(m_slowest, reply.took);
        m_proof.hold(reply.status == 200 && reply.took < 2300ms, std::string(kind.label) + ": the next was answered " +
                                                                     std::to_string(reply.status) + " after " +
                                                                     std::to_string(reply.took.count()) + " ms");
    }

    // Single bytes fill the sender's own buffer, of which each takes some hundred: it cannot even send it all.
    void single_bytes() {
        const auto whole = request(scrape_parameters("Bearer " + m_token));
        FastcgiClient client(m_live.address());
        for (const char& byte : whole) {
            if (!client.send({&byte, 1})) break;
        }
        (void)client.receive(3s);
        m_proof.hold(client.closed(), "a peer that writes single bytes holds a worker beyond 3 s");
    }

    void leave(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            FastcgiClient client(m_live.address());
            client.send(request(scrape_parameters("Bearer " + m_token)));
        }
        const auto reply = m_live.ask(m_token);
        m_proof.hold(reply.status == 200 && reply.took < 2s,
                     "after " + std::to_string(count) + " clients that left: " + std::to_string(reply.status));
        m_proof.tell(count, "clients left before the answer");
    }

    void run_out_of_descriptors() {
        const auto used = processor_time_of_workers();
        limit_all_to(1);
        std::vector<std::unique_ptr<FastcgiClient>> waiting;
        for (int i = 0; i < 20; ++i) {
            waiting.push_back(std::make_unique<FastcgiClient>(m_live.address()));
            waiting.back()->send(request(scrape_parameters("Bearer " + m_token)));
        }
        std::this_thread::sleep_for(m_proof.time(2s, 400ms));
        const auto spun = processor_time_of_workers() - used;
        m_proof.hold(spun < 200ms, "without descriptors the workers spin: " + std::to_string(spun.count()) + " ms");
        limit_all_to(1024);
        for (const auto& client : waiting)
            m_proof.hold(read_answer(client->receive()).ended, "what waited for descriptors was never answered");
        m_proof.tell("out of descriptors: " + std::to_string(spun.count()) + " ms of CPU, all answered after");
    }

    void settle() {
        m_proof.hold(m_live.workers() == m_workers, "a worker has died:\n" + m_live.log());
        m_proof.tell("the next waited " + std::to_string(m_slowest.count()) + " ms at most");
    }

private:
    void limit_all_to(unsigned limit) const {
        for (const pid_t pid : m_workers) m_proof.hold(limit_descriptors(pid, limit), "prlimit fails");
    }
    [[nodiscard]] std::chrono::milliseconds processor_time_of_workers() const {
        std::chrono::milliseconds sum{0};
        for (const pid_t pid : m_workers) sum += processor_time(pid);
        return sum;
    }

    Proof& m_proof;
    LiveResponder m_live{{.configuration = {{"rate_window", "1"}, {"workers", std::to_string(k_workers)}}}};
    std::string m_token = m_live.generate();
    std::vector<pid_t> m_workers;
    std::chrono::milliseconds m_slowest{0};
};

}  // namespace

void no_peer_holds_a_worker(Proof& proof) {
    Peers peers(proof);
    const auto rounds = proof.rounds(12, 2);
    for (std::size_t i = 0; i < rounds; ++i) {
        peers.stall(k_slow[i % std::size(k_slow)]);
    }
    proof.tell(rounds, "stalls of all workers");
    peers.single_bytes();
    peers.leave(50);
    peers.run_out_of_descriptors();
    peers.settle();
}

}  // namespace ceymail::testing
