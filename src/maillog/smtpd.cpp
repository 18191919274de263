// SPDX-License-Identifier: MIT
// Lines of smtpd: sessions, refusals, logins.
#include <algorithm>
#include <optional>

#include "ceymail/maillog/entry.hpp"

namespace ceymail::maillog {
namespace {

constexpr int k_most_command_digits = 7;

bool is_loopback(std::string_view address) noexcept { return address == "127.0.0.1" || address == "::1"; }

// "postfix/10025/smtpd", "postfix/reinject/smtpd": names of the service that takes mail back from a content filter.
bool is_reinjection_service(std::string_view service) noexcept {
    const bool is_port = service.size() >= 4 && std::all_of(service.begin(), service.end(), is_digit);
    return is_port || service == "reinject";
}

// What the commands of a session came to: "ehlo=2 starttls=1 auth=0/1 mail=1 rcpt=1 data=1 quit=1 commands=7/8". The
// number in front of the slash are those accepted.
struct Session {
    std::uint64_t mail = 0;
    std::uint64_t rcpt = 0;
    std::uint64_t data = 0;
    std::uint64_t data_total = 0;  // refused ones too
    std::uint64_t bdat = 0;
    std::uint64_t auth = 0;
    std::uint64_t xforward = 0;

    // Accepted messages. DATA counts with the reply to the message. BDAT counts for each chunk, but a message has one
    // MAIL and at least one RCPT. So chunks count at most as often as there were transactions without DATA. That is
    // right unless a client gives transactions up.
    [[nodiscard]] std::uint64_t messages() const noexcept {
        const auto transactions = std::min(mail, rcpt);
        return data + std::min(bdat, transactions > data_total ? transactions - data_total : 0);
    }
};

bool take_command(Cursor& cursor, Session& session, bool& is_last) noexcept {
    std::uint64_t accepted = 0;
    std::uint64_t total = 0;
    const auto verb = cursor.take_while(is_lower);
    if (verb.empty() || !cursor.take('=') || !cursor.take_number(accepted, k_most_command_digits)) return false;
    if (cursor.take('/') && !cursor.take_number(total, k_most_command_digits)) return false;
    if (verb == "mail") session.mail = accepted;
    if (verb == "rcpt") session.rcpt = accepted;
    if (verb == "data") {
        session.data = accepted;
        session.data_total = std::max(accepted, total);
    }
    if (verb == "bdat") session.bdat = accepted;
    if (verb == "auth") session.auth = accepted;
    if (verb == "xforward") session.xforward = accepted;
    is_last = verb == "commands";
    return true;
}

std::optional<Session> take_session(Cursor& cursor) noexcept {
    Session session;
    bool is_last = false;
    while (!is_last)
        if (!cursor.take(' ') || !take_command(cursor, session, is_last)) return std::nullopt;
    return cursor.at_end() ? std::optional(session) : std::nullopt;
}

// A session by which a content filter hands messages back. XFORWARD is accepted from filters only.
bool is_reinjection(const Entry& entry, std::string_view client, const Session& session) noexcept {
    return session.xforward > 0 || (is_loopback(client) && is_reinjection_service(entry.service));
}

void count_disconnect(const Entry& entry, Cursor cursor) noexcept {
    const auto client = cursor.take_client();
    const auto session = client.empty() ? std::nullopt : take_session(cursor);
    if (!session) return entry.unparsed();
    auto& counters = entry.counters;
    counters.authentications(LoginService::smtp, LoginResult::success) += session->auth * entry.times;
    if (is_reinjection(entry, client, *session)) return;
    const bool is_submission = session->auth > 0 || is_submission_service(entry.service);
    counters.received(is_submission ? Source::submission : Source::smtp) += session->messages() * entry.times;
}

// "NAME[ADDR], sasl_method=PLAIN, sasl_username=a@example.org". Returns: the name, empty without a login; no
// value for a text of another form.
std::optional<std::string_view> account_of_client(Cursor cursor) noexcept {
    const auto is_value = [](char c) { return c != ','; };
    if (cursor.take_client().empty()) return std::nullopt;
    if (!cursor.take(", sasl_method=")) return std::string_view{};
    cursor.take_while(is_value);
    return cursor.take(", sasl_username=") ? cursor.take_while(is_value) : std::string_view{};
}

void count_client(const Entry& entry, Cursor cursor) noexcept {
    const auto name = account_of_client(cursor);
    if (!name) return entry.unparsed();
    if (!name->empty()) entry.counters.senders.add(*name, entry.times, entry.now);
}

// "RCPT from NAME[ADDR]: " Returns: whether all of it was there.
bool take_stage_and_client(Cursor& cursor) noexcept {
    const auto stage = cursor.take_while([](char c) { return is_upper(c) || c == '-'; });
    return !stage.empty() && cursor.take(" from ") && !cursor.take_client().empty() && cursor.take(": ");
}

void count_reject(const Entry& entry, Cursor cursor) noexcept {
    if (!take_stage_and_client(cursor)) return entry.unparsed();
    const auto reason = classify_reply(cursor.rest(), entry.service);
    reason ? entry.reject(*reason) : entry.unparsed();
}

// Postfix puts off what a milter says at CONNECT, HELO and EHLO: the client is refused at MAIL, which has a line of its
// own. Only after a 421 the session ends at once.
void count_milter_reject(const Entry& entry, Cursor cursor) noexcept {
    const bool is_put_off = cursor.sees("CONNECT ") || cursor.sees("HELO ") || cursor.sees("EHLO ");
    if (!take_stage_and_client(cursor)) return entry.unparsed();
    if (!is_put_off || cursor.sees("421 ")) entry.reject(RejectReason::milter);
}

// Behind "NOQUEUE: " or a queue id. Verbs such as hold, warn, reject_warning and milter-hold refuse nothing.
void count_of_message(const Entry& entry, Cursor cursor) noexcept {
    if (cursor.take("client=")) return count_client(entry, cursor);
    if (cursor.take("reject: ")) return count_reject(entry, cursor);
    if (cursor.take("milter-reject: ")) return count_milter_reject(entry, cursor);
    if (cursor.sees("proxy-reject: ")) entry.reject(RejectReason::content);
}

// "Connection rate limit exceeded: 7 from unknown[192.0.2.15] for service smtp". For new TLS sessions this is the first
// one above the limit; later ones are "Refusing STARTTLS request from unknown[192.0.2.15] for service smtp".
bool is_rate_limit(Cursor cursor) noexcept {
    std::uint64_t number = 0;
    if (cursor.take("Refusing STARTTLS request from "))
        return !cursor.take_client().empty() && cursor.sees(" for service ");
    for (const std::string_view what : {"Connection rate", "Connection concurrency", "Message delivery request rate",
                                        "Recipient address rate", "AUTH command rate", "New TLS session rate"}) {
        if (cursor.take(what))
            return cursor.take(" limit exceeded: ") && cursor.take_number(number, 18) && cursor.take(" from ");
    }
    return false;
}

// The credentials were not judged: by the server's fault, or because they could not be read. Where Postfix does not
// reach the server, or the server says neither a reason nor a name, the words are the same.
bool is_not_judged(std::string_view reason) noexcept {
    return reason == "(reason unavailable), sasl_username=(unavailable)" ||
           reason.starts_with("Connection lost to authentication server") ||
           reason.starts_with("Temporary authentication failure") ||
           reason.starts_with("Internal authentication error");
}

// "NAME[ADDR]: SASL PLAIN authentication failed: REASON". The mechanism is the client's word.
void count_sasl_failure(const Entry& entry, Cursor cursor) noexcept {
    if (cursor.take_client().empty() || !cursor.take(": SASL ")) return;
    cursor.take_while([](char c) { return c != ' '; });
    if (cursor.take(" authentication aborted")) return;
    if (!cursor.take(" authentication failed")) return entry.unparsed();
    const auto result = cursor.take(": ") && is_not_judged(cursor.rest()) ? LoginResult::error : LoginResult::failure;
    entry.counters.authentications(LoginService::smtp, result) += entry.times;
}

// During DATA, and "BDAT request from NAME[ADDR] exceeds message size limit". Neither has a line with reject.
bool is_size_limit(Cursor cursor) noexcept {
    if (cursor.take("queue file size limit exceeded")) return true;
    return cursor.take("BDAT request from ") && !cursor.take_client().empty() &&
           cursor.take(" exceeds message size limit");
}

void count_warning(const Entry& entry, Cursor cursor) noexcept {
    if (is_rate_limit(cursor)) return entry.reject(RejectReason::rate);
    if (cursor.take_queue_id()) {
        if (is_size_limit(cursor)) entry.reject(RejectReason::size);
        return;
    }
    count_sasl_failure(entry, cursor);
}

}  // namespace

bool is_submission_service(std::string_view service) noexcept {
    return service == "submission" || service == "submissions" || service == "smtps" || service == "587" ||
           service == "465";
}

std::string_view account_of_smtpd(std::string_view text) noexcept {
    Cursor cursor(text);
    if (cursor.sees("warning: ")) return {};  // no queue id
    if (!cursor.take("NOQUEUE: ") && !cursor.take_queue_id()) return {};
    return cursor.take("client=") ? account_of_client(cursor).value_or(std::string_view{}) : std::string_view{};
}

void count_smtpd(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (cursor.take("connect from ")) return;  // the most frequent one
    if (cursor.take("disconnect from ")) return count_disconnect(entry, cursor);
    if (count_severity(entry, cursor)) return count_warning(entry, cursor);
    if (cursor.take("NOQUEUE: ") || cursor.take_queue_id()) return count_of_message(entry, cursor);
    if (cursor.sees("proxy-reject: ")) return entry.reject(RejectReason::content);  // has no queue id
    count_tls(entry);
}

}  // namespace ceymail::maillog
