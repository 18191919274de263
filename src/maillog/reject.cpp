// SPDX-License-Identifier: MIT
// The reason of a refusal by smtpd, from its reply. The order of the checks is part of the meaning.
#include <algorithm>
#include <optional>

#include "ceymail/maillog/entry.hpp"

namespace ceymail::maillog {
namespace {

struct Reply {
    std::uint64_t code = 0;
    std::array<std::uint64_t, 3> dsn{};
    std::string_view subject;  // "Sender address rejected: ", or the whole text where it has no <...> in front
    std::string_view text;     // behind the subject
    bool is_submission = false;

    [[nodiscard]] bool has_dsn(std::uint64_t subject_number, std::uint64_t detail) const noexcept {
        return dsn[1] == subject_number && dsn[2] == detail;
    }
    [[nodiscard]] bool is_temporary() const noexcept { return code == 450 || code == 451; }
};

bool take_code(Cursor& cursor, Reply& reply) noexcept {
    return cursor.take_number(reply.code, 3) && reply.code >= 400 && reply.code < 600 && cursor.take(' ') &&
           cursor.take_number(reply.dsn[0], 1) && cursor.take('.') && cursor.take_number(reply.dsn[1], 3) &&
           cursor.take('.') && cursor.take_number(reply.dsn[2], 3) && cursor.take(' ');
}

// "Sender address rejected: Domain not found": the part up to and with "rejected: ". No stranger writes it.
std::string_view take_subject(Cursor& cursor) noexcept {
    for (const std::string_view subject :
         {"Recipient address rejected: ", "Sender address rejected: ", "Client host rejected: ",
          "Helo command rejected: ", "Data command rejected: ", "End-of-data rejected: ", "ETRN command rejected: "}) {
        if (cursor.take(subject)) return subject;
    }
    return {};
}

// The address or name in front stands unquoted here. A client that makes up a longer one gives its own refusal another
// reason; it cannot make it another line.
bool skip_name(Cursor& cursor) noexcept {
    if (!cursor.sees("<")) return false;
    const auto end = cursor.rest().find(">: ");
    return end != std::string_view::npos && cursor.take(cursor.rest().substr(0, end + 3));
}

// Where the client's words begin, behind the reply: "; from=<S> to=<R> proto=P helo=<H>", with some of them missing.
std::string_view before_envelope(std::string_view text) noexcept {
    return text.substr(0, std::min({text.find("; from=<"), text.find("; to=<"), text.find("; proto=")}));
}

// "Service unavailable; Client host [X] blocked using D; TXT". A refused query has a TXT that says so. It counts as
// refused only where there is one mark behind X: an address cannot bring a list and a TXT of its own.
std::optional<RejectReason> classify_blocked(std::string_view text) noexcept {
    Cursor cursor(text);
    if (!cursor.take("Service unavailable; ")) return std::nullopt;
    const bool has_class = cursor.take("Client host [") || cursor.take("Sender address [") ||
                           cursor.take("Helo command [") || cursor.take("Recipient address [") ||
                           cursor.take("Unverified Client host [");
    if (!has_class) return std::nullopt;
    cursor.take_while([](char c) { return c != ']' && c != ' '; });
    constexpr std::string_view k_mark = "] blocked using ";
    if (!cursor.take(k_mark) || cursor.rest().contains(k_mark)) return RejectReason::dnsbl;
    cursor.take_while([](char c) { return c != ';' && c != ' '; });
    if (!cursor.take("; ")) return RejectReason::dnsbl;
    const auto words = before_envelope(cursor.rest());
    const bool is_refused = words.starts_with("Error: open resolver") || words.contains("/returnc/");
    return is_refused ? RejectReason::dnsbl_refused : RejectReason::dnsbl;
}

// Without a name in front.
RejectReason classify_plain(const Reply& reply) noexcept {
    const auto text = reply.text;
    if (const auto reason = classify_blocked(text)) return *reason;
    if (text.starts_with("Client host rejected: cannot find your hostname") ||
        text.starts_with("Client host rejected: cannot find your reverse hostname"))
        return RejectReason::helo;
    if (text.starts_with("Message size exceeds fixed limit")) return RejectReason::size;
    if (text.starts_with("Session encryption is required")) return RejectReason::tls_or_auth;
    if (reply.has_dsn(3, 4)) return RejectReason::size;
    if (reply.dsn[1] == 3) return RejectReason::local_error;
    return RejectReason::other;
}

bool is_unknown_recipient(const Reply& reply) noexcept {
    return reply.has_dsn(1, 1) || reply.text.starts_with("User unknown") ||
           reply.text.starts_with("undeliverable address") || reply.text.starts_with("unverified address");
}

// The domain of sender or recipient does not exist, takes no mail, or is not complete.
bool is_bad_domain(const Reply& reply) noexcept {
    return reply.text.starts_with("Domain not found") || reply.has_dsn(1, 8) || reply.has_dsn(1, 2) ||
           reply.has_dsn(1, 10) || reply.has_dsn(7, 27) || (reply.code == 504 && reply.has_dsn(5, 2));
}

bool needs_tls_or_auth(const Reply& reply) noexcept {
    if (reply.text.starts_with("Session encryption is required")) return true;
    if (reply.is_submission && reply.text.starts_with("Access denied")) return true;
    return reply.subject == "Sender address rejected: " &&
           (reply.text.starts_with("not logged in") || reply.text.starts_with("not owned by user"));
}

RejectReason classify_address(const Reply& reply) noexcept {
    const bool is_recipient = reply.subject == "Recipient address rejected: ";
    const bool is_sender = reply.subject == "Sender address rejected: ";
    if (is_recipient && is_unknown_recipient(reply)) return RejectReason::unknown_recipient;
    if ((is_recipient || is_sender) && is_bad_domain(reply)) return RejectReason::sender_domain;
    if (reply.subject == "Helo command rejected: ") return RejectReason::helo;
    if (reply.text.starts_with("cannot find your hostname") ||
        reply.text.starts_with("cannot find your reverse hostname"))
        return RejectReason::helo;
    if (needs_tls_or_auth(reply)) return RejectReason::tls_or_auth;
    if (reply.dsn[1] == 3) return RejectReason::local_error;
    return reply.is_temporary() ? RejectReason::policy : RejectReason::other;
}

}  // namespace

std::optional<RejectReason> classify_reply(std::string_view text, std::string_view service) noexcept {
    Reply reply;
    Cursor cursor(text);
    if (!take_code(cursor, reply)) return std::nullopt;
    reply.is_submission = is_submission_service(service);
    const bool has_name = skip_name(cursor);
    reply.text = cursor.rest();
    if (!has_name) return classify_plain(reply);
    if (cursor.sees("Relay access denied")) return RejectReason::relay_denied;
    reply.subject = take_subject(cursor);
    reply.text = cursor.rest();
    return classify_address(reply);
}

}  // namespace ceymail::maillog
