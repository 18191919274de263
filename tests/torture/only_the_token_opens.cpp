// SPDX-License-Identifier: MIT
// No 200 without the active token: whatever stands in the header, wherever the database fails.
#include <algorithm>
#include <random>
#include <string>

#include "ceymail/shared/segment.hpp"
#include "support/live_responder.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view k_letters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/= \t,;\"\r\n%";

class Forger {
public:
    explicit Forger(std::string token) : m_token(std::move(token)) {}

    // A header that is like the right one and is not.
    std::string header() {
        const auto token = forged();
        const std::string whole = "Bearer " + m_token;
        switch (m_random() % 8) {
            case 0:
                return whole.substr(0, m_random() % whole.size());
            case 1:
                return whole + ", " + whole;
            case 2:
                return whole + " " + m_token;
            case 3:
                return "Basic " + m_token;
            case 4:
                return m_token;
            default:
                return "Bearer " + token;
        }
    }

private:
    std::string forged() {
        auto token = m_token;
        const auto at = m_random() % token.size();
        const auto letter = k_letters[m_random() % k_letters.size()];
        switch (m_random() % 6) {
            case 0:
                token.resize(at);
                break;
            case 1:
                token.insert(at, 1, letter);
                break;
            case 2:
                token.erase(at, 1);
                break;
            case 3:
                std::swap(token[at], token[(at + 1) % token.size()]);
                break;
            case 4:
                token += token;
                break;
            default:
                token[at] = letter;
                break;
        }
        // Blanks before a token are no part of it.
        return token.ends_with(m_token) ? token + "x" : token;
    }

    std::string m_token;
    std::mt19937_64 m_random{12};
};

// The database goes wrong behind each of the packets that one request costs, in each of the ways.
class Injection {
public:
    Injection(Proof& proof, LiveResponder& live, std::string token)
        : m_proof(proof), m_live(live), m_proxy(live.proxy()), m_token(std::move(token)) {}

    void at_every_stage(std::size_t step) {
        for (const auto fault : {DatabaseFault::error, DatabaseFault::hang_up, DatabaseFault::garbage,
                                 DatabaseFault::silence, DatabaseFault::drip}) {
            for (std::size_t packet = 0; packet < 24; packet += step) inject(fault, packet);
        }
        m_proof.tell(m_injections, "database errors injected");
        m_proof.tell(m_unknown, "answers 503 and");
        m_proof.tell(m_denied, "answers 401 to a wrong token meanwhile");
    }

private:
    void inject(DatabaseFault fault, std::size_t packet) {
        m_proxy.inject(DatabaseFault::hang_up);  // ends what there is, so that all connect again
        m_proxy.inject(fault, packet);
        const Parameters hurry{{"HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", "1"}};
        const auto right = m_live.ask(m_token, {}, hurry).status;
        // Whoever can put words into the database's mouth can let it say that there is no token.
        const bool may_deny = fault == DatabaseFault::garbage;
        m_proof.hold(right == 200 || right == 503 || (may_deny && right == 401),
                     told(fault, packet, "the right token", right));
        // A time-out would keep this one from asking.
        admission::CircuitBreaker(m_segment.layout().database).answered();
        const auto wrong = m_live.ask(m_token + "x", {}, hurry).status;
        m_proof.hold(wrong == 401 || wrong == 503, told(fault, packet, "a wrong token", wrong));
        m_proxy.inject(DatabaseFault::none);
        m_proof.hold(is_served_again(), told(fault, packet, "after it the right token", 0));
        ++m_injections;
        m_unknown += wrong == 503 ? 1 : 0;
        m_denied += wrong == 401 ? 1 : 0;
    }

    // From the database, which is asked again within 2 s of a time-out.
    bool is_served_again() {
        return eventually([this] { return value_of(m_live.ask(m_token).body, "ceymail_database_up") == 1; }, 3s);
    }

    static std::string told(DatabaseFault fault, std::size_t packet, const std::string& who, int status) {
        return "fault " + std::to_string(static_cast<int>(fault)) + " behind packet " + std::to_string(packet) + ": " +
               who + " was answered " + std::to_string(status);
    }

    Proof& m_proof;
    const LiveResponder& m_live;
    DatabaseProxy& m_proxy;
    std::string m_token;
    shared::Segment m_segment = shared::Segment::open_existing(m_live.directory() / "run").value();
    std::size_t m_injections = 0, m_unknown = 0, m_denied = 0;
};

void forge(Proof& proof, const LiveResponder& live, const std::string& token, std::size_t count) {
    Forger forger(token);
    for (std::size_t i = 0; i < count; ++i) {
        const auto header = forger.header();
        const auto status = live.ask_with(header).status;
        proof.hold(status == 400 || status == 401, "answered " + std::to_string(status) + " to: " + header);
        if (i % 1000 == 0) proof.hold(live.ask(token).status == 200, "the right token is refused");
    }
    for (const auto& second : {token, token + "x", std::string()}) {
        const auto status = live.ask_with("Bearer " + token, {}, {{"HTTP_AUTHORIZATION", "Bearer " + second}}).status;
        proof.hold(status == 400, "two Authorization headers were answered " + std::to_string(status));
    }
    proof.tell(count, "forged headers");
}

// What an administrator, or whoever has his rights, can do to the table: the same token, not active.
void damage_the_table(Proof& proof, LiveResponder& live, const std::string& token) {
    auto& database = live.database();
    const struct {
        const char* what;
        const char* damage;
        const char* repair;
    } damages[] = {
        {"without the table", "RENAME TABLE ceymail_dashboard.metrics_tokens TO ceymail_dashboard.away",
         "RENAME TABLE ceymail_dashboard.away TO ceymail_dashboard.metrics_tokens"},
        {"without the grant", "REVOKE ALL PRIVILEGES ON ceymail_dashboard.metrics_tokens FROM worker@localhost",
         nullptr},
        {"without the account", "ALTER USER worker@localhost ACCOUNT LOCK",
         "ALTER USER worker@localhost ACCOUNT UNLOCK"},
        {"with a token revoked by hand",
         "UPDATE ceymail_dashboard.metrics_tokens SET revoked_at = UTC_TIMESTAMP() WHERE active = 1", nullptr},
        {"with no token at all", "DELETE FROM ceymail_dashboard.metrics_tokens", nullptr},
    };
    for (const auto& [what, damage, repair] : damages) {
        database.query(damage);
        database.query("FLUSH PRIVILEGES");
        for (const auto& given : {token, token + "x"}) {
            const auto status = live.ask(given).status;
            // Connections that are open outlive a locked account: the token may still be read by them.
            const bool known = repair != nullptr && given == token && std::string(what) == "without the account";
            proof.hold(status == 401 || status == 503 || (known && status == 200),
                       std::string(what) + " a token was answered " + std::to_string(status));
        }
        if (repair != nullptr) database.query(repair);
        if (std::string(what) == "without the grant")
            proof.hold(live.token_tool({"init"}).status == 0, "init does not mend the grants");
    }
    proof.tell(std::size(damages), "damages of the table");
}

}  // namespace

void nothing_but_the_token_opens(Proof& proof) {
    LiveResponder live(
        {.configuration = {{"rate_window", "1"}, {"auth_grace", "0"}, {"workers", "1"}}, .through_proxy = true});
    const auto token = live.generate();
    forge(proof, live, token, proof.rounds(10'000, 1000));
    Injection(proof, live, token).at_every_stage(proof.rounds(1, 6));
    damage_the_table(proof, live, token);
}

}  // namespace ceymail::testing
