// SPDX-License-Identifier: MIT
#include <chrono>

#include "ceymail/admission/address_key.hpp"
#include "ceymail/admission/rate_table.hpp"
#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::doctor {

namespace {

using namespace std::chrono_literals;
using admission::AddressFamily;
using admission::AddressKey;
using util::BootClock;

constexpr auto k_recent = 1h;

struct Network {
    std::uint64_t first;
    unsigned bits;
};

bool lies_in(std::uint64_t address, const Network& network, unsigned width) {
    return address >> (width - network.bits) == network.first >> (width - network.bits);
}

// Whether the address is of this host, a private network or a link. The /64 of "::1" is 0.
// Source: RFC 1122, 1918, 3927, 6598, 4193, 4291.
bool is_inner(const AddressKey& key) {
    if (key.family == AddressFamily::ipv6)
        return key.network == 0 || lies_in(key.network, {0xFCULL << 56, 7}, 64) ||
               lies_in(key.network, {0xFE80ULL << 48, 10}, 64);
    for (const auto& network : {Network{0x7F000000, 8}, Network{0x0A000000, 8}, Network{0xAC100000, 12},
                                Network{0xC0A80000, 16}, Network{0x64400000, 10}, Network{0xA9FE0000, 16}}) {
        if (lies_in(key.network, network, 32)) return true;
    }
    return false;
}

void check_keep_alive(CheckReport& report, const shared::SegmentLayout& layout) {
    const std::chrono::nanoseconds seen{layout.keep_alive_seen_at.load()};
    const auto age = BootClock::now().time_since_epoch() - seen;
    if (seen.count() == 0 || age > k_recent) return report.ok("keep-alive", "off");
    report.bad("keep-alive",
               "the web server asked " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) +
                   " s ago to keep its connection, which would hold a worker: set fastcgi_keep_conn off (nginx), or "
                   "take enablereuse away (Apache); this line stays for an hour after the last such request");
}

// Any client can cause this line, so it is no more than a warning.
void check_rest_key(CheckReport& report, const shared::SegmentLayout& layout) {
    const std::chrono::nanoseconds seen{layout.rest_key_seen_at.load()};
    const auto age = BootClock::now().time_since_epoch() - seen;
    if (seen.count() == 0 || age > k_recent) return;
    report.warn("clients",
                "one sent a key of CeyMail's REST API " +
                    std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) +
                    " s ago, which opens nothing here: give Prometheus the token that ceymail-token generate prints, "
                    "ceymail_metrics_...; this line stays for an hour after the last such request");
}

}  // namespace

void check_clients(CheckReport& report, const shared::SegmentLayout& layout) {
    check_keep_alive(report, layout);
    check_rest_key(report, layout);
    const auto clients = admission::admitted_since(layout.rate, BootClock::now() - k_recent, 2);
    if (clients.size() == 1 && is_inner(clients.front()))
        return report.warn("clients",
                           "all requests of the last hour came from one address, which is of this host or "
                           "of a private network: well if that is your Prometheus; if it is a proxy in "
                           "front of the web server, all clients share its 12 requests a minute: give their "
                           "own addresses by nginx's real_ip module or Apache's mod_remoteip");
    report.ok("clients", clients.empty() ? "none in the last hour" : "");
}

}  // namespace ceymail::doctor
