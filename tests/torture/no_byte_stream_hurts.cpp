// SPDX-License-Identifier: MIT
// No byte stream hurts: no worker dies, each is free again within 2 s, and none grows.
#include <algorithm>
#include <random>

#include "support/fastcgi_client.hpp"
#include "support/live_responder.hpp"
#include "support/malformed_requests.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

class Assault {
public:
    explicit Assault(Proof& proof) : m_proof(proof) {
        for (int i = 0; i < 50; ++i) (void)m_live.ask(m_token);
        m_workers = m_live.workers();
        m_before = state();
    }

    void malformed() {
        for (const auto& [label, bytes] : malformed_requests()) {
            const auto status = throw_at(bytes);
            m_proof.hold(status == 0 || status == 400, std::string(label) + " was answered " + std::to_string(status));
            answers_a_good_one(label);
        }
        m_proof.tell(malformed_requests().size(), "malformed forms");
    }

    void cut_anywhere() {
        const auto whole = scrape();
        for (std::size_t size = 0; size < whole.size(); ++size) {
            const auto status = throw_at(whole.substr(0, size));
            m_proof.hold(status == 0, "a request cut at " + std::to_string(size) + " was answered");
        }
        answers_a_good_one("requests cut at every byte");
        m_proof.tell(whole.size(), "cuts");
    }

    void doubled() {
        for (const char* name : {"REMOTE_ADDR", "HTTP_AUTHORIZATION", "REQUEST_METHOD", "REQUEST_URI"}) {
            auto twice = scrape_parameters("Bearer " + m_token);
            twice.emplace_back(name, "198.51.100.1");
            const auto status = throw_at(request(twice));
            m_proof.hold(status != 200, std::string(name) + " given twice was answered 200");
        }
    }

    void mutated(std::size_t count) {
        const auto whole = scrape();
        for (std::size_t i = 0; i < count; ++i) {
            (void)throw_at(mutation(whole));
            if (i % 500 == 0) answers_a_good_one("a mutated request");
        }
        m_proof.tell(count, "mutations");
    }

    void settle() {
        const auto after = state();
        m_proof.hold(m_live.workers() == m_workers, "a worker has died:\n" + m_live.log());
        // One that had no request before has no connection to the database before.
        m_proof.hold(after.descriptors <= m_before.descriptors + m_workers.size(), "descriptors leaked");
        const auto grown = static_cast<long>(after.memory) - static_cast<long>(m_before.memory);
        m_proof.hold(grown < 256 * 1024, "the workers grew by " + std::to_string(grown) + " bytes");
        m_proof.tell("no worker lost, " + std::to_string(grown / 1024) + " KiB grown");
        m_proof.tell("a good request next took " + std::to_string(m_slowest.count()) + " ms at most");
    }

private:
    struct State {
        std::size_t memory = 0;
        std::size_t descriptors = 0;
    };
    [[nodiscard]] State state() const {
        State sum;
        for (const pid_t pid : m_live.workers()) {
            sum.memory += own_memory(pid);
            sum.descriptors += open_descriptors(pid);
        }
        return sum;
    }

    [[nodiscard]] std::string scrape() const { return request(scrape_parameters("Bearer " + m_token)); }

    // Sends the bytes and ends the connection from this side.
    [[nodiscard]] int throw_at(const std::string& bytes) const {
        FastcgiClient client(m_live.address());
        client.send(bytes);
        client.half_close();
        const auto answer = read_answer(client.receive());
        m_proof.hold(client.closed(), "a connection was held beyond 5 s");
        return answer.text.starts_with("Status: ") ? std::stoi(answer.text.substr(8)) : 0;
    }

    void answers_a_good_one(const std::string& what) {
        const auto reply = m_live.ask(m_token);
        m_slowest = std::max(m_slowest, reply.took);
        m_proof.hold(reply.status == 200 && reply.took < 2s, "after " + what + ": a good request was answered " +
                                                                 std::to_string(reply.status) + " in " +
                                                                 std::to_string(reply.took.count()) + " ms");
    }

    std::string mutation(std::string bytes) {
        const auto changes = 1 + m_random() % 4;
        for (std::size_t n = 0; n < changes && !bytes.empty(); ++n) {
            const auto at = m_random() % bytes.size();
            switch (m_random() % 4) {
                case 0:
                    bytes[at] = static_cast<char>(m_random());
                    break;
                case 1:
                    bytes.erase(at, 1 + m_random() % 16);
                    break;
                case 2:
                    bytes.insert(at, 1 + m_random() % 16, static_cast<char>(m_random()));
                    break;
                default:
                    bytes += bytes.substr(at);
                    break;
            }
        }
        return bytes;
    }

    Proof& m_proof;
    LiveResponder m_live{{.configuration = {{"rate_window", "1"}}}};
    std::string m_token = m_live.generate();
    std::vector<pid_t> m_workers;
    State m_before;
    std::mt19937_64 m_random{5};
    std::chrono::milliseconds m_slowest{0};
};

}  // namespace

void no_byte_stream_hurts(Proof& proof) {
    Assault assault(proof);
    assault.malformed();
    assault.cut_anywhere();
    assault.doubled();
    assault.mutated(proof.rounds(30'000, 1500));
    assault.settle();
}

}  // namespace ceymail::testing
