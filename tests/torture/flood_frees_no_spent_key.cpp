// SPDX-License-Identifier: MIT
// Flooding does not free a spent key, nor drive away who has shown the token; a /64 is one key.
#include <cstdlib>
#include <memory>

#include "ceymail/admission/rate_table.hpp"
#include "support/live_responder.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
using admission::AddressFamily;
using admission::AddressKey;
using admission::Admission;

constexpr auto k_window = 60s;
constexpr util::BootTime k_start{10'000s};
util::BootTime hands = k_start;
util::BootTime turned() noexcept { return hands; }

// A million keys within the minute of one that is spent, by a clock that is turned by hand.
class TableUnderFlood {
public:
    explicit TableUnderFlood(Proof& proof) : m_proof(proof) {
        init_rate_locks(*m_storage);
        hands = k_start - 30min;
        proof.hold(asked(k_rare_scraper) == Admission::admitted, "an empty table refuses");
        m_table.keep(k_rare_scraper);
        hands = k_start;
        while (asked(k_spent) == Admission::admitted) ++m_spent_after;
        proof.hold(asked(k_scraper) == Admission::admitted, "an empty table refuses");
        m_table.keep(k_scraper);
    }

    void flood(std::size_t keys) {
        const auto step = (k_window - 1ms) / keys;
        const auto every_six_seconds = keys / 10;
        for (std::size_t i = 1; i <= keys; ++i) {
            hands += step;
            const auto got = asked({.network = i << 20, .family = AddressFamily::ipv6});
            m_admitted += got == Admission::admitted ? 1 : 0;
            m_full += got == Admission::full ? 1 : 0;
            if (i % 1000 == 0) m_proof.hold(asked(k_spent) == Admission::spent, "a spent key was freed by a flood");
            if (i % every_six_seconds == 0)
                m_proof.hold(asked(k_scraper) == Admission::admitted, "an authenticated address lost its place");
        }
        m_proof.hold(asked(k_rare_scraper) == Admission::admitted, "a scraper of half an hour ago lost its place");
        hands = k_start + k_window + 1s;
        m_proof.hold(asked(k_spent) == Admission::admitted, "a spent key stays refused beyond its window");
        m_proof.hold(m_full == m_storage->full_total, "refusals for want of a place are not counted");
        m_proof.hold(m_admitted + m_full == keys && m_full > 0, "a flood fills no table");
        m_proof.tell(keys, "keys over one spent");
        m_proof.tell(m_full, "of them refused for want of a place");
    }

private:
    static constexpr AddressKey k_spent{.network = 0x0a000001, .family = AddressFamily::ipv4};
    static constexpr AddressKey k_scraper{.network = 0x0a000002, .family = AddressFamily::ipv4};

    static constexpr AddressKey k_rare_scraper{.network = 0x0a000003, .family = AddressFamily::ipv4};

    Admission asked(const AddressKey& key) { return m_table.admit(key).admission; }

    Proof& m_proof;
    std::unique_ptr<admission::RateStorage> m_storage = std::make_unique<admission::RateStorage>();
    admission::RateTable m_table{*m_storage, k_window, turned};
    std::size_t m_spent_after = 0, m_admitted = 0, m_full = 0;
};

std::string ipv4(std::size_t number) {
    return "172." + std::to_string(number >> 16 & 255) + "." + std::to_string(number >> 8 & 255) + "." +
           std::to_string(number & 255);
}

std::size_t memory_of_all(const LiveResponder& live) {
    std::size_t sum = 0;
    for (const pid_t pid : live.children()) sum += own_memory(pid);
    return sum;
}

void share_one_network(Proof& proof, const LiveResponder& live, std::size_t addresses) {
    std::size_t admitted = 0;
    for (std::size_t i = 0; i < addresses; ++i) {
        const auto address = "2001:db8:0:1:" + std::to_string(i % 9999) + "::" + std::to_string(i / 9999);
        if (live.ask_with("", address).status == 401) ++admitted;
    }
    proof.hold(admitted == 12, grouped(addresses) + " addresses of one /64 got " + std::to_string(admitted));
    proof.tell(addresses, "addresses of a /64 got " + std::to_string(admitted) + " together");
}

void flood_a_responder(Proof& proof, const LiveResponder& live, const std::string& token, std::size_t keys) {
    constexpr const char* k_spent = "10.1.0.1";
    constexpr const char* k_scraper = "10.1.0.2";
    for (int i = 0; i < 12; ++i) (void)live.ask_with("", k_spent);
    proof.hold(live.ask(token, k_scraper).status == 200, "the responder does not answer a scrape");
    auto scraped_at = util::BootClock::now();
    const auto spent_at = scraped_at;
    for (std::size_t i = 0; i < 1000; ++i) (void)live.ask_with("", ipv4(i));  // all that is allocated once, is
    const auto memory = memory_of_all(live);
    for (std::size_t i = 0; i < keys; ++i) {
        (void)live.ask_with("", ipv4(1000 + i));
        const auto now = util::BootClock::now();
        if (i % 100 == 0 && now - spent_at < 55s)
            proof.hold(live.ask(token, k_spent).status == 429, "a spent address was answered during a flood");
        if (now - scraped_at > 5100ms) {
            proof.hold(live.ask(token, k_scraper).status == 200, "a scraper was refused during a flood");
            scraped_at = now;
        }
    }
    const auto grown = static_cast<long>(memory_of_all(live)) - static_cast<long>(memory);
    proof.hold(grown < 256 * 1024, "a flood made the responder grow by " + std::to_string(grown) + " bytes");
    proof.tell(keys, "addresses at the socket");
    proof.tell(std::to_string(grown / 1024) + " KiB grown");
}

}  // namespace

void flooding_frees_no_spent_key(Proof& proof) {
    TableUnderFlood(proof).flood(proof.rounds(1'000'000, 100'000));
    const LiveResponder live;
    const auto token = live.generate();
    share_one_network(proof, live, proof.rounds(10'000, 1000));
    flood_a_responder(proof, live, token, proof.rounds(60'000, 2000));
}

}  // namespace ceymail::testing
