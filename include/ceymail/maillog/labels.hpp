// SPDX-License-Identifier: MIT
// The labels of the mail metrics: each an enumeration with the names of its values, and a table of counters by labels.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ceymail::maillog {

// The names of the values of E, in their order.
template <class E>
inline constexpr std::array<std::string_view, 0> k_names{};

template <class E>
inline constexpr std::size_t k_count = k_names<E>.size();

template <class E>
[[nodiscard]] constexpr std::string_view name_of(E value) noexcept {
    return k_names<E>[static_cast<std::size_t>(value)];
}

enum class Source : std::uint8_t { smtp, submission, local };
template <>
inline constexpr std::array<std::string_view, 3> k_names<Source>{"smtp", "submission", "local"};

enum class Transport : std::uint8_t { smtp, lmtp, local, virtual_mailbox, pipe, error };
template <>
inline constexpr std::array<std::string_view, 6> k_names<Transport>{"smtp",    "lmtp", "local",
                                                                    "virtual", "pipe", "error"};

enum class Status : std::uint8_t { sent, deferred, bounced };
template <>
inline constexpr std::array<std::string_view, 3> k_names<Status>{"sent", "deferred", "bounced"};

// By the second number of the enhanced status code. Source: RFC 3463, 3.
enum class FailureClass : std::uint8_t { other, addressing, mailbox, system, network, protocol, content, policy };
template <>
inline constexpr std::array<std::string_view, 8> k_names<FailureClass>{"other",   "addressing", "mailbox", "system",
                                                                       "network", "protocol",   "content", "policy"};

enum class RejectReason : std::uint8_t {
    milter,
    content,
    dnsbl_refused,
    dnsbl,
    relay_denied,
    unknown_recipient,
    sender_domain,
    helo,
    policy,
    rate,
    size,
    tls_or_auth,
    local_error,
    postscreen,
    other
};
template <>
inline constexpr std::array<std::string_view, 15> k_names<RejectReason>{
    "milter", "content", "dnsbl_refused", "dnsbl",       "relay_denied", "unknown_recipient", "sender_domain", "helo",
    "policy", "rate",    "size",          "tls_or_auth", "local_error",  "postscreen",        "other"};

enum class Stage : std::uint8_t { before_queue, queue, connect, transmit };
template <>
inline constexpr std::array<std::string_view, 4> k_names<Stage>{"before_queue", "queue", "connect", "transmit"};

enum class Severity : std::uint8_t { warning, error, fatal, panic };
template <>
inline constexpr std::array<std::string_view, 4> k_names<Severity>{"warning", "error", "fatal", "panic"};

enum class LoginService : std::uint8_t { smtp, imap, pop3, sieve };
template <>
inline constexpr std::array<std::string_view, 4> k_names<LoginService>{"smtp", "imap", "pop3", "sieve"};

// `error`: the credentials were not judged: the authentication server did not answer, or they named no account.
enum class LoginResult : std::uint8_t { success, failure, error };
template <>
inline constexpr std::array<std::string_view, 3> k_names<LoginResult>{"success", "failure", "error"};

enum class Verdict : std::uint8_t { ham, spam };
template <>
inline constexpr std::array<std::string_view, 2> k_names<Verdict>{"ham", "spam"};

enum class Direction : std::uint8_t { inbound, outbound };
template <>
inline constexpr std::array<std::string_view, 2> k_names<Direction>{"inbound", "outbound"};

enum class TlsProtocol : std::uint8_t { tls_1_0, tls_1_1, tls_1_2, tls_1_3, other };
template <>
inline constexpr std::array<std::string_view, 5> k_names<TlsProtocol>{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3",
                                                                      "other"};

// Who wrote a line. `other`: a program that no metric is about, or a line whose program is not known.
enum class Daemon : std::uint8_t { postfix, dovecot, spamd, fail2ban, other };
template <>
inline constexpr std::array<std::string_view, 5> k_names<Daemon>{"postfix", "dovecot", "spamd", "fail2ban", "other"};

// The programs whose outcomes are counted. `none`: the line is not of the form STAMP HOST TAG.
enum class Program : std::uint8_t {
    smtpd,
    smtp,
    lmtp,
    local,
    virtual_mailbox,
    pipe,
    error,
    cleanup,
    qmgr,
    pickup,
    postscreen,
    dnsblog,
    tlsproxy,
    dovecot,
    spamd,
    fail2ban,
    none
};
template <>
inline constexpr std::array<std::string_view, 17> k_names<Program>{
    "smtpd",  "smtp",       "lmtp",    "local",    "virtual", "pipe",  "error",    "cleanup", "qmgr",
    "pickup", "postscreen", "dnsblog", "tlsproxy", "dovecot", "spamd", "fail2ban", "none"};

// One counter for each combination of labels, without padding.
template <class... Labels>
struct Table {
    std::array<std::uint64_t, (k_count<Labels> * ...)> values{};

    [[nodiscard]] std::uint64_t& operator()(Labels... labels) noexcept { return values[index(labels...)]; }
    [[nodiscard]] std::uint64_t operator()(Labels... labels) const noexcept { return values[index(labels...)]; }

    friend bool operator==(const Table&, const Table&) = default;

private:
    [[nodiscard]] static constexpr std::size_t index(Labels... labels) noexcept {
        std::size_t at = 0;
        ((at = at * k_count<Labels> + static_cast<std::size_t>(labels)), ...);
        return at;
    }
};

}  // namespace ceymail::maillog
