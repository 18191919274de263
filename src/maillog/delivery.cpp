// SPDX-License-Identifier: MIT
// Lines of delivery agents: one for each recipient and attempt.
#include <optional>

#include "ceymail/maillog/entry.hpp"

namespace ceymail::maillog {
namespace {

// Ports of content filters on this host, which hand the message back: FILTER_README's 10025, amavis's 10024 and others.
// LMTP services of mailboxes have lower ones.
constexpr std::uint64_t k_first_filter_port = 10'000;

struct Delivery {
    std::string_view relay;
    std::uint64_t delay = 0;  // microseconds, as the stages
    std::array<std::uint64_t, k_count<Stage>> stages{};
    std::uint64_t dsn_class = 0;
    std::uint64_t dsn_subject = 0;
    std::string_view status;
    std::string_view text;  // behind "status=WORD ("
};

bool take_delays(Cursor& cursor, Delivery& delivery) noexcept {
    for (std::size_t i = 0; i < delivery.stages.size(); ++i) {
        if (i > 0 && !cursor.take('/')) return false;
        if (!cursor.take_seconds(delivery.stages[i])) return false;
    }
    return true;
}

bool take_relay(Cursor& cursor, Delivery& delivery) noexcept {
    delivery.relay = cursor.take_while([](char c) { return c != ',' && c != ' '; });
    return !delivery.relay.empty() && cursor.take(", ");
}

// Postfix from 3.11: "tls=may", "tls=encrypt/(requiretls)".
bool take_tls(Cursor& cursor) noexcept {
    if (!cursor.take("tls=")) return true;
    return !cursor.take_while([](char c) { return c != ',' && c != ' '; }).empty() && cursor.take(", ");
}

bool take_dsn(Cursor& cursor, Delivery& delivery) noexcept {
    std::uint64_t detail = 0;
    return cursor.take("dsn=") && cursor.take_number(delivery.dsn_class, 1) && cursor.take('.') &&
           cursor.take_number(delivery.dsn_subject, 3) && cursor.take('.') && cursor.take_number(detail, 3);
}

// Every field in its order; none is searched for.
std::optional<Delivery> parse_delivery(Cursor cursor) noexcept {
    Delivery delivery;
    std::uint64_t uses = 0;
    if (!cursor.take("to=") || !cursor.take_address() || !cursor.take(", ")) return std::nullopt;
    if (cursor.take("orig_to=") && (!cursor.take_address() || !cursor.take(", "))) return std::nullopt;
    if (!cursor.take("relay=") || !take_relay(cursor, delivery)) return std::nullopt;
    if (cursor.take("conn_use=") && (!cursor.take_number(uses, 9) || !cursor.take(", "))) return std::nullopt;
    if (!cursor.take("delay=") || !cursor.take_seconds(delivery.delay) || !cursor.take(", delays="))
        return std::nullopt;
    if (!take_delays(cursor, delivery) || !cursor.take(", ") || !take_tls(cursor)) return std::nullopt;
    if (!take_dsn(cursor, delivery) || !cursor.take(", status=")) return std::nullopt;
    delivery.status = cursor.take_while([](char c) { return is_lower(c) || is_upper(c) || c == '-'; });
    if (!cursor.take(" (")) return std::nullopt;
    delivery.text = cursor.rest();
    return delivery;
}

// What is to become of a line whose form is right.
enum class Outcome { sent, deferred, bounced, none, impossible };

constexpr struct {
    std::string_view word;
    Outcome outcome;
    std::string_view dsn_classes;
} k_words[] = {
    {"sent", Outcome::sent, "2"},           {"deferred", Outcome::deferred, "4"},
    {"bounced", Outcome::bounced, "5"},     {"SOFTBOUNCE", Outcome::deferred, "4"},
    {"deliverable", Outcome::none, "2"},  // probes of verify(8), no mail
    {"undeliverable", Outcome::none, "45"}, {"undeliverable-but-not-cached", Outcome::none, "45"},
};

// The checks refuse what only a forged line combines. An address with quotes that do not close can be made up by a
// local user; its line comes from error(8), which never sends.
Outcome judge(const Delivery& delivery, bool agent_can_send) noexcept {
    for (const auto& [word, outcome, dsn_classes] : k_words) {
        if (delivery.status != word) continue;
        if (!dsn_classes.contains(static_cast<char>('0' + delivery.dsn_class))) return Outcome::impossible;
        const bool is_delivered = outcome == Outcome::sent;
        if (!agent_can_send && (delivery.relay != "none" || is_delivered)) return Outcome::impossible;
        if (is_delivered && delivery.relay == "none") return Outcome::impossible;
        return outcome;
    }
    return Outcome::impossible;
}

// "127.0.0.1[127.0.0.1]:10025"
bool is_content_filter(std::string_view relay) noexcept {
    Cursor cursor(relay);
    std::uint64_t port = 0;
    cursor.take_while([](char c) { return c != '['; });
    return (cursor.take("[127.0.0.1]:") || cursor.take("[::1]:")) && cursor.take_number(port, 5) && cursor.at_end() &&
           port >= k_first_filter_port;
}

// A recipient that another line stands for: local(8) made new messages of it, or a filter hands the message back.
bool is_counted_elsewhere(const Entry& entry, const Delivery& delivery) noexcept {
    if (entry.program == Program::local) return delivery.text.starts_with("forwarded as ");
    const bool is_network = entry.program == Program::smtp || entry.program == Program::lmtp;
    return is_network && is_content_filter(delivery.relay);
}

FailureClass failure_class(std::uint64_t subject) noexcept {
    return subject < k_count<FailureClass> ? static_cast<FailureClass>(subject) : FailureClass::other;
}

Transport transport_of(Program program) noexcept {
    switch (program) {
        case Program::smtp:
            return Transport::smtp;
        case Program::lmtp:
            return Transport::lmtp;
        case Program::local:
            return Transport::local;
        case Program::virtual_mailbox:
            return Transport::virtual_mailbox;
        case Program::pipe:
            return Transport::pipe;
        default:
            return Transport::error;  // error(8), and cleanup and qmgr, which write such lines without an attempt
    }
}

void count_sent(const Entry& entry, const Delivery& delivery) noexcept {
    if (is_counted_elsewhere(entry, delivery)) return;
    auto& counters = entry.counters;
    counters.recipients(transport_of(entry.program), Status::sent) += entry.times;
    counters.delivery_delay.add(delivery.delay, entry.times);
    for (std::size_t i = 0; i < delivery.stages.size(); ++i)
        counters.stage_microseconds.values[i] += delivery.stages[i] * entry.times;
}

void count_failure(const Entry& entry, const Delivery& delivery, Status status) noexcept {
    entry.counters.recipients(transport_of(entry.program), status) += entry.times;
    entry.counters.failures(status, failure_class(delivery.dsn_subject)) += entry.times;
}

}  // namespace

void count_delivery(const Entry& entry, Cursor cursor) noexcept {
    const auto delivery = parse_delivery(cursor);
    if (!delivery) return entry.unparsed();
    switch (judge(*delivery, transport_of(entry.program) != Transport::error)) {
        case Outcome::sent:
            return count_sent(entry, *delivery);
        case Outcome::deferred:
            return count_failure(entry, *delivery, Status::deferred);
        case Outcome::bounced:
            return count_failure(entry, *delivery, Status::bounced);
        case Outcome::none:
            return;
        case Outcome::impossible:
            return entry.unparsed();
    }
}

void count_delivery_agent(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (count_severity(entry, cursor)) return;
    if (cursor.take_queue_id()) {
        if (cursor.sees("to=<")) count_delivery(entry, cursor);
        return;
    }
    count_tls(entry);
}

}  // namespace ceymail::maillog
