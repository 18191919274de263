// SPDX-License-Identifier: MIT
// Failing calls: memory, descriptors, files, sockets, threads. A request may be lost to one, no other is; no answer is
// wrong, nothing stays behind, and the supervisor lives. tests/interpose stands before the C library for that.
#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "support/failing_calls.hpp"
#include "support/live_responder.hpp"
#include "support/miniature.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::array k_calls{Call::memory, Call::open,    Call::map,   Call::read, Call::write,
                             Call::accept, Call::connect, Call::watch, Call::fork};
constexpr std::uint32_t k_all_calls = (1U << k_calls.size()) - 1;
static_assert(k_calls.size() == static_cast<std::size_t>(Call::count));

constexpr auto k_longest = 7s;                  // 5 s for an answer, and a replaced worker before it
constexpr std::size_t k_most_memory = 4 << 20;  // bytes that a process may have gained

// What the fullest of some processes holds.
struct Holdings {
    explicit Holdings(const std::vector<pid_t>& processes) {
        for (const pid_t pid : processes) {
            descriptors = std::max(descriptors, open_descriptors(pid));
            memory = std::max(memory, own_memory(pid));
        }
    }
    [[nodiscard]] bool keeps_to(const Holdings& usual) const {
        return descriptors <= usual.descriptors && memory < usual.memory + k_most_memory;
    }
    std::size_t descriptors = 0, memory = 0;
};

std::string to_string(const Holdings& holdings) {
    return std::to_string(holdings.descriptors) + " descriptors and " + std::to_string(holdings.memory >> 10) + " KiB";
}

std::string names_of_descriptors(const std::vector<pid_t>& processes) {
    std::string names;
    for (const pid_t pid : processes)
        for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
            std::error_code gone;
            names += " " + std::filesystem::read_symlink(entry.path(), gone).string();
        }
    return names;
}

class Sabotage {
public:
    explicit Sabotage(Proof& proof)
        : m_proof(proof),
          // Many workers, so that one which dies young need not be waited for; and each scrape reads everything.
          m_live({.configuration =
                      {{"workers", "16"}, {"rate_window", "1"}, {"cache_ttl", "0"}, {"work_budget_percent", "0"}},
                  .environment = m_calls.environment()}),
          m_token(m_live.generate()),
          m_supervisor(m_live.supervisor()) {
        m_proof.hold(recovers(), "it does not answer before anything fails" + m_missing);
        m_of_supervisor = Holdings({m_supervisor});
        m_of_gatherer = Holdings({m_live.gatherer()});
        m_of_workers = Holdings(m_live.workers());
    }

    // Each call that one scrape makes, one after the other: with the right token, then with a wrong one.
    void each_in_turn(Call call, std::size_t one_by_one) {
        std::size_t failed_before = m_failed;
        for (std::size_t n = 1; n < 5000; n += n < one_by_one ? 1 : n / 2) {
            ask_while_failing(call, n, Token::right);
            if (m_calls.failed() == 0) break;  // there are no more
            ask_while_failing(call, n, Token::wrong);
        }
        m_calls.stop();
        m_proof.hold(recovers(),
                     std::string("not all is well again after failing calls: ") + name_of(call) + m_missing);
        nobody_leaks();
        m_proof.hold(call != Call::memory || m_failed > failed_before, "nothing failed: is the interposer loaded?");
    }

    void by_chance(std::size_t requests) {
        for (std::size_t i = 0; i < requests; ++i) {
            if (i % 20 == 0) m_calls.fail_one_in(k_all_calls, i % 40 == 0 ? 300 : 3000, i);
            ask(i % 3 == 0 ? Token::wrong : Token::right);
            if (i % 20 == 19) m_failed += m_calls.failed();
        }
        m_calls.stop();
        m_proof.hold(recovers(), "not all is well again after calls that failed by chance" + m_missing);
    }

    void look_for_what_is_left() {
        m_proof.hold(m_live.supervisor() == m_supervisor, "the supervisor died");
        m_proof.hold(eventually([&] { return m_live.workers().size() == 16; }, 20s), "workers are missing");
        nobody_leaks();
        m_live.stop();
        // What the C++ runtime ends is our fault; libfcgi and libmariadb end a process in their own ways.
        m_proof.hold(m_live.log().find("terminate called") == std::string::npos, "an exception ended a process");
        m_proof.tell(m_failed, "failed calls");
        m_proof.tell(m_asked, "requests");
        m_proof.tell(m_served, "served 200");
        m_proof.tell(m_refused, "answered 500 or 503");
        m_proof.tell(m_lost, "lost with their worker or connection");
    }

private:
    enum class Token { right, wrong };

    void ask_while_failing(Call call, std::size_t n, Token token) {
        m_calls.fail_nth(call, static_cast<std::int64_t>(n));
        ask(token);
        m_failed += m_calls.failed();
    }

    void ask(Token token) {
        const auto reply = m_live.ask(token == Token::right ? m_token : "x" + m_token);
        const int usual = token == Token::right ? 200 : 401;
        const bool unable = reply.status == 500 || reply.status == 503;
        m_proof.hold(reply.status == usual || unable || reply.status == 0,
                     std::string(token == Token::right ? "the right" : "a wrong") + " token was answered " +
                         std::to_string(reply.status) + ": " + reply.body);
        m_proof.hold(reply.took < k_longest, "an answer took " + std::to_string(reply.took.count()) + " ms");
        if (reply.status == 200)
            m_proof.hold(reply.body.find("\nceymail_build_info{") != std::string::npos && reply.body.ends_with('\n'),
                         "a 200 is not whole");
        ++m_asked;
        m_served += reply.status == 200 ? 1 : 0;
        m_refused += unable ? 1 : 0;
        m_lost += reply.status == 0 ? 1 : 0;
    }

    // Leaves what a scrape was without in m_missing.
    bool is_well() {
        const auto reply = m_live.ask(m_token);
        m_missing = "; " + std::to_string(reply.status) + " without";
        bool whole = true;
        for (const std::string name : {"domains_total ", "queue_active ", "cpu_idle_jiffies ", "service_up{"}) {
            if (reply.body.find("\nceymail_" + name) != std::string::npos) continue;
            whole = false;
            m_missing += " " + name;
        }
        return whole;
    }
    // Asked after each kind of calls: who leaked may die of the next. What is in hand is soon let go of.
    void nobody_leaks() {
        hold_no_more({m_supervisor}, m_of_supervisor, "the supervisor");
        hold_no_more({m_live.gatherer()}, m_of_gatherer, "the gatherer");
        hold_no_more(m_live.workers(), m_of_workers, "a worker");
    }
    void hold_no_more(const std::vector<pid_t>& processes, const Holdings& usual, const std::string& who) {
        m_proof.hold(eventually([&] { return Holdings(processes).keeps_to(usual); }, 5s),
                     who + " leaks: " + to_string(Holdings(processes)) + " instead of " + to_string(usual) +
                         "; it has" + names_of_descriptors(processes));
    }

    bool recovers() {
        return eventually([this] { return is_well(); }, 20s);
    }

    Proof& m_proof;
    FailingCalls m_calls;
    LiveResponder m_live;
    std::string m_token;
    std::string m_missing;
    pid_t m_supervisor;
    Holdings m_of_supervisor{{}}, m_of_gatherer{{}}, m_of_workers{{}};  // before anything failed
    std::size_t m_failed = 0, m_asked = 0, m_served = 0, m_refused = 0, m_lost = 0;
};

}  // namespace

void failing_calls_break_nothing(Proof& proof) {
    Sabotage sabotage(proof);
    for (const auto call : k_calls) sabotage.each_in_turn(call, proof.rounds(5000, 40));
    sabotage.by_chance(proof.rounds(2000, 60));
    sabotage.look_for_what_is_left();
}

}  // namespace ceymail::testing
