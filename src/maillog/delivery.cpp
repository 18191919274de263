// SPDX-License-Identifier: MIT
// Lines of delivery agents: one for each recipient and attempt.
#include <algorithm>
#include <optional>
#include <span>

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

bool take_dsn(Cursor& cursor, Delivery& delivery) noexcept {
    std::uint64_t detail = 0;
    return cursor.take("dsn=") && cursor.take_number(delivery.dsn_class, 1) && cursor.take('.') &&
           cursor.take_number(delivery.dsn_subject, 3) && cursor.take('.') && cursor.take_number(detail, 3);
}

// Every field in its order; none is searched for.
std::optional<Delivery> parse_delivery(Cursor cursor) noexcept {
    const auto is_value = [](char c) { return c != ',' && c != ' '; };
    Delivery delivery;
    std::uint64_t uses = 0;
    if (!cursor.take("to=") || !cursor.take_address() || !cursor.take(", ")) return std::nullopt;
    if (cursor.take("orig_to=") && (!cursor.take_address() || !cursor.take(", "))) return std::nullopt;
    if (!cursor.take("relay=")) return std::nullopt;
    delivery.relay = cursor.take_while(is_value);
    if (delivery.relay.empty() || !cursor.take(", ")) return std::nullopt;
    if (cursor.take("conn_use=") && (!cursor.take_number(uses, 9) || !cursor.take(", "))) return std::nullopt;
    if (!cursor.take("delay=") || !cursor.take_seconds(delivery.delay) || !cursor.take(", delays="))
        return std::nullopt;
    if (!take_delays(cursor, delivery) || !cursor.take(", ")) return std::nullopt;
    // Postfix from 3.11: "tls=may", "tls=encrypt/(requiretls)".
    if (cursor.take("tls=") && (cursor.take_while(is_value).empty() || !cursor.take(", "))) return std::nullopt;
    if (!take_dsn(cursor, delivery) || !cursor.take(", status=")) return std::nullopt;
    delivery.status = cursor.take_while([](char c) { return is_lower(c) || is_upper(c) || c == '-'; });
    if (!cursor.take(" (")) return std::nullopt;
    delivery.text = cursor.rest();
    return delivery;
}

struct Word {
    std::string_view word;
    std::optional<Status> status;  // none: a probe of verify(8), no mail
    std::string_view dsn_classes;
};

constexpr Word k_words[] = {
    {"sent", Status::sent, "2"},
    {"deferred", Status::deferred, "4"},
    {"bounced", Status::bounced, "5"},
    {"SOFTBOUNCE", Status::deferred, "4"},
    {"deliverable", std::nullopt, "2"},
    {"undeliverable", std::nullopt, "45"},
    {"undeliverable-but-not-cached", std::nullopt, "45"},
};

// Returns: null for another word, and for what only a forged line combines. An address with quotes that do not close
// can be made up by a local user; its line comes from error(8), which never sends.
const Word* find_word(const Delivery& delivery, bool agent_can_send) noexcept {
    const auto* const word = std::ranges::find(k_words, delivery.status, &Word::word);
    if (word == std::end(k_words)) return nullptr;
    if (!word->dsn_classes.contains(static_cast<char>('0' + delivery.dsn_class))) return nullptr;
    const bool is_delivered = word->status == Status::sent;
    if (!agent_can_send && (delivery.relay != "none" || is_delivered)) return nullptr;
    return is_delivered && delivery.relay == "none" ? nullptr : word;
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

// The programs that deliver stand in the order of Transport. Others write such lines without an attempt: error(8),
// cleanup and qmgr.
Transport transport_of(Program program) noexcept {
    constexpr auto k_first = static_cast<std::size_t>(Program::smtp);
    static_assert(
        std::ranges::equal(k_names<Transport>, std::span(k_names<Program>).subspan<k_first, k_count<Transport>>()));
    const auto index = static_cast<std::size_t>(program) - k_first;
    return index < k_count<Transport> ? static_cast<Transport>(index) : Transport::error;
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
    const auto* const word = delivery ? find_word(*delivery, transport_of(entry.program) != Transport::error) : nullptr;
    if (word == nullptr) return entry.unparsed();
    if (word->status == Status::sent) return count_sent(entry, *delivery);
    if (word->status) count_failure(entry, *delivery, *word->status);
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
