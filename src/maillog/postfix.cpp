// SPDX-License-Identifier: MIT
// Lines of Postfix's programs other than smtpd and the delivery agents, and what all of them have in common.
#include <optional>

#include "ceymail/maillog/entry.hpp"

namespace ceymail::maillog {
namespace {

std::optional<Severity> take_severity(Cursor& cursor) noexcept {
    if (cursor.take("warning: ")) return Severity::warning;
    if (cursor.take("error: ")) return Severity::error;
    if (cursor.take("fatal: ")) return Severity::fatal;
    if (cursor.take("panic: ")) return Severity::panic;
    return std::nullopt;
}

bool take_trust(Cursor& cursor) noexcept {
    return cursor.take("Anonymous") || cursor.take("Untrusted") || cursor.take("Trusted") || cursor.take("Verified");
}

TlsProtocol protocol_of(std::string_view name) noexcept {
    for (std::size_t i = 0; i < k_count<TlsProtocol>; ++i)
        if (name == k_names<TlsProtocol>[i]) return static_cast<TlsProtocol>(i);
    return TlsProtocol::other;
}

bool is_word(char c) noexcept { return c != ' ' && c != ':'; }

// cleanup: "header Subject: ... from ...; from=<S> ...: 5.7.1 TEXT"
bool is_content_check(const Cursor& cursor) noexcept {
    return cursor.sees("header ") || cursor.sees("body ") || cursor.sees("mime-error ") ||
           cursor.sees("nested-header ");
}

void count_postscreen_reject(const Entry& entry, Cursor cursor) noexcept {
    const auto stage = cursor.take_while([](char c) { return is_upper(c) || c == '-'; });
    if (stage.empty() || !cursor.take(" from ") || cursor.take_client().empty() || !cursor.take(": "))
        return entry.unparsed();
    if (stage == "CONNECT") return entry.reject(RejectReason::local_error);  // too many connections, all ports busy
    if (cursor.take("450 4.3.2 ")) return entry.reject(RejectReason::postscreen);
    if (cursor.take("550 5.7.1 Service unavailable; client [")) return entry.reject(RejectReason::dnsbl);
    std::uint64_t code = 0;
    if (!cursor.take_number(code, 3) || code < 400 || !cursor.take(' ')) return entry.unparsed();
    entry.reject(RejectReason::other);
}

}  // namespace

bool count_severity(const Entry& entry, Cursor& cursor) noexcept {
    const auto severity = take_severity(cursor);
    if (!severity) return false;
    entry.warn(*severity);
    const bool uses_milters = entry.program == Program::smtpd || entry.program == Program::cleanup;
    if (uses_milters && (cursor.sees("connect to Milter service ") || cursor.sees("milter ")))
        entry.counters.milter_errors += entry.times;
    return true;
}

void count_tls(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (!take_trust(cursor) || !cursor.take(" TLS connection established ")) return;
    const bool is_inbound = cursor.take("from ");
    if ((!is_inbound && !cursor.take("to ")) || cursor.take_client().empty()) return entry.unparsed();
    if (is_inbound && cursor.take(" to ")) cursor.take_while(is_word);  // the name that the client asked for
    if (!cursor.take(": ")) return entry.unparsed();
    const auto protocol = cursor.take_while(is_word);
    if (protocol.empty() || !cursor.take(" with cipher ")) return entry.unparsed();
    const auto direction = is_inbound ? Direction::inbound : Direction::outbound;
    entry.counters.tls(direction, protocol_of(protocol)) += entry.times;
}

void count_cleanup(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (count_severity(entry, cursor) || !cursor.take_queue_id()) return;
    if (cursor.sees("message-id=")) return;  // the usual one
    if (cursor.take("milter-reject: ")) return entry.reject(RejectReason::milter);
    if (cursor.take("reject: "))
        return is_content_check(cursor) ? entry.reject(RejectReason::content) : entry.unparsed();
    if (cursor.sees("to=<")) count_delivery(entry, cursor);
}

void count_qmgr(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (count_severity(entry, cursor) || !cursor.take_queue_id()) return;
    if (cursor.sees("to=<")) return count_delivery(entry, cursor);
    if (!cursor.take("from=")) return;
    if (!cursor.take_address() || !cursor.take(", ")) return entry.unparsed();
    if (cursor.take("size=")) return;  // "... (queue active)", at each activation
    if (!cursor.take("status=")) return entry.unparsed();
    cursor.take("force-");
    if (cursor.rest() != "expired, returned to sender") return entry.unparsed();
    entry.counters.expired += entry.times;
}

void count_pickup(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    std::uint64_t uid = 0;
    if (count_severity(entry, cursor) || !cursor.take_queue_id() || !cursor.take("uid=")) return;
    if (!cursor.take_number(uid, 10) || !cursor.take(" from=") || !cursor.take_address()) return entry.unparsed();
    if (cursor.sees(" orig_id=")) return;  // requeued by postsuper: it was received before
    if (!cursor.at_end()) return entry.unparsed();
    entry.counters.received(Source::local) += entry.times;
}

void count_postscreen(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (count_severity(entry, cursor)) return;
    if (cursor.take("NOQUEUE: reject: ")) return count_postscreen_reject(entry, cursor);
    count_tls(entry);
}

// "addr 192.0.2.12 listed by domain bl.example.org as 127.255.255.254". Codes of 127.255.255.0/24 are no listing: the
// list refuses to answer this resolver. Only this line has the code.
void count_dnsblog(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (count_severity(entry, cursor) || !cursor.take("addr ")) return;
    const auto is_token = [](char c) { return c != ' '; };
    const bool has_address = !cursor.take_while(is_token).empty();
    if (!cursor.take(" listed by domain ")) return;
    if (!has_address || cursor.take_while(is_token).empty() || !cursor.take(" as ")) return entry.unparsed();
    if (cursor.take("127.255.255.")) entry.reject(RejectReason::dnsbl_refused);
}

void count_tlsproxy(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (!count_severity(entry, cursor)) count_tls(entry);
}

}  // namespace ceymail::maillog
