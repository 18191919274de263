// SPDX-License-Identifier: MIT
// Lines of Dovecot 2.3 and 2.4: logins, and severities. Lines of spamd and OpenDKIM.
#include <algorithm>
#include <optional>

#include "ceymail/maillog/entry.hpp"

namespace ceymail::maillog {
namespace {

// Dovecot ends a connection after a few.
constexpr std::uint64_t k_most_attempts = 100;

std::optional<LoginService> take_login_service(Cursor& cursor) noexcept {
    if (cursor.take("imap-login: ")) return LoginService::imap;
    if (cursor.take("pop3-login: ")) return LoginService::pop3;
    if (cursor.take("managesieve-login: ")) return LoginService::sieve;
    if (cursor.take("submission-login: ")) return LoginService::smtp;
    return std::nullopt;
}

void count_capitalized_severity(const Entry& entry, const Cursor& cursor) noexcept {
    constexpr std::string_view k_words[] = {"Warning: ", "Error: ", "Fatal: ", "Panic: "};
    for (std::size_t i = 0; i < std::size(k_words); ++i) {
        if (cursor.sees(k_words[i])) return entry.warn(static_cast<Severity>(i));
    }
}

// The end of a connection: "Disconnected: Aborted login by logging out (auth failed, 1 attempts in 4 secs): user=<...".
// All before the first < is Dovecot's; the bracket is looked for there only.
void count_failed_attempts(const Entry& entry, Cursor cursor, LoginService service) noexcept {
    cursor.take_while([](char c) { return c != '<' && c != '('; });
    std::uint64_t attempts = 0;
    if (!cursor.take("(auth failed, ")) return;
    if (!cursor.take_number(attempts, 9) || !cursor.take(" attempts")) return entry.unparsed();
    const auto in_seconds = cursor.take_while([](char c) { return c != ')' && c != '<'; });
    if (!cursor.take(')') || (!in_seconds.empty() && !in_seconds.starts_with(" in "))) return entry.unparsed();
    const auto result = cursor.sees(" (auth_temp_failed)") ? LoginResult::error : LoginResult::failure;
    entry.counters.authentications(service, result) += std::min(attempts, k_most_attempts) * entry.times;
}

void count_login(const Entry& entry, Cursor cursor, LoginService service) noexcept {
    if (cursor.take("Login: ") || cursor.take("Logged in: ")) {
        if (!cursor.sees("user=<")) return entry.unparsed();
        entry.counters.authentications(service, LoginResult::success) += entry.times;
        return;
    }
    if (cursor.sees("Disconnected") || cursor.sees("Aborted login") || cursor.sees("Login aborted"))
        return count_failed_attempts(entry, cursor, service);
    count_capitalized_severity(entry, cursor);
}

// "lmtp(a@example.org)<314><xnwLLzbACWs6AQAAds41pg>: ", "auth-worker(12): ", "master: "
bool take_process(Cursor& cursor) noexcept {
    if (cursor.take_while([](char c) { return is_alphanumeric(c) || c == '-'; }).empty()) return false;
    if (cursor.take('(')) {
        cursor.take_while([](char c) { return c != ')'; });
        if (!cursor.take(')')) return false;
    }
    while (cursor.take('<')) {
        cursor.take_while([](char c) { return c != '>'; });
        if (!cursor.take('>')) return false;
    }
    return cursor.take(": ");
}

}  // namespace

void count_dovecot(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (const auto service = take_login_service(cursor)) return count_login(entry, cursor, *service);
    if (take_process(cursor)) count_capitalized_severity(entry, cursor);
}

// "spamd: identified spam (1001.5/5.0) for anna:1001 in 0.1 seconds, 196 bytes."; the line "spamd: result: ..." that
// follows is of the same message.
void count_spamd(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (!cursor.take("spamd: ")) return;
    const bool is_spam = cursor.take("identified spam (");
    if (!is_spam && !cursor.take("clean message (")) return;
    const auto is_score = [](char c) { return is_digit(c) || c == '.' || c == '-'; };
    const bool has_score = !cursor.take_while(is_score).empty() && cursor.take('/') &&
                           !cursor.take_while(is_score).empty() && cursor.take(") for ");
    if (!has_score) return entry.unparsed();
    entry.counters.spam_verdicts(is_spam ? Verdict::spam : Verdict::ham) += entry.times;
}

// "BDF2E1C1982: error loading key 'mail._domainkey.example.org'": the message is not signed.
void count_opendkim(const Entry& entry) noexcept {
    Cursor cursor(entry.text);
    if (cursor.take_queue_id() && cursor.take("error loading key '")) entry.counters.milter_errors += entry.times;
}

}  // namespace ceymail::maillog
