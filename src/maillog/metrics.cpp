// SPDX-License-Identifier: MIT
// What each metric counts, and what it does not, stands in its HELP.
#include "ceymail/maillog/metrics.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace ceymail::maillog {
namespace {

using exposition::MetricFamily;
using exposition::MetricType;
using exposition::Sample;

constexpr auto k_all = [](auto...) { return true; };

// The families in the order in which they are added.
class Families {
public:
    MetricFamily& add(std::string name, std::string help, MetricType type = MetricType::counter) {
        return m_families.emplace_back(std::move(name), std::move(help), type);
    }

    void add(std::string name, std::string help, std::uint64_t value, MetricType type = MetricType::counter) {
        add(std::move(name), std::move(help), type).samples.push_back({{}, value});
    }

    // One series for each value of the label that `wanted` keeps.
    template <class E, class Predicate = decltype(k_all)>
    void add(std::string name, std::string help, const char* label, const Table<E>& table, Predicate wanted = k_all) {
        auto& family = add(std::move(name), std::move(help));
        for (std::size_t i = 0; i < k_count<E>; ++i) {
            const auto value = static_cast<E>(i);
            if (wanted(value)) family.samples.push_back({{{label, std::string(name_of(value))}}, table(value)});
        }
    }

    template <class E, class F, class Predicate>
    void add(std::string name, std::string help, const char* label, const char* other_label, const Table<E, F>& table,
             Predicate wanted) {
        auto& family = add(std::move(name), std::move(help));
        for (std::size_t i = 0; i < k_count<E>; ++i) {
            for (std::size_t j = 0; j < k_count<F>; ++j) {
                const auto value = static_cast<E>(i);
                const auto other = static_cast<F>(j);
                if (!wanted(value, other)) continue;
                family.samples.push_back(
                    {{{label, std::string(name_of(value))}, {other_label, std::string(name_of(other))}},
                     table(value, other)});
            }
        }
    }

    [[nodiscard]] std::vector<MetricFamily> take() { return std::move(m_families); }

private:
    std::vector<MetricFamily> m_families;
};

void add_flow(Families& families, const Counters& counters, bool has_postscreen) {
    families.add("ceymail_mail_received_total",
                 "Messages that Postfix accepted, counted when the SMTP session ends. submission: the client had "
                 "logged in or used the submission service; smtp: all others; local: by sendmail(1). A message that "
                 "a content filter hands back by SMTP counts once, one that it hands back by sendmail(1) counts "
                 "again as local. Bounces and forwarded copies are not received.",
                 "source", counters.received);
    families.add("ceymail_mail_recipients_total",
                 "Recipients by the outcome of one attempt, after aliases are expanded. lmtp, virtual and local "
                 "deliver into mailboxes, smtp to other hosts, pipe to programs; error stands for recipients that "
                 "were not tried, once for each queue run. A recipient that local(8) forwarded, or that went to a "
                 "content filter on this host (loopback, port 10000 or above), is not sent: what becomes of it is "
                 "counted. Probes of addresses are not counted.",
                 "transport", "status", counters.recipients, [](Transport transport, Status status) {
                     return transport != Transport::error || status != Status::sent;
                 });
    families.add("ceymail_mail_expired_total",
                 "Messages that were returned because they stayed in the queue for too long. Their last "
                 "recipients count as deferred, never as bounced.",
                 counters.expired);
    families.add("ceymail_mail_failures_total",
                 "Recipients that were deferred or bounced, by the subject of the enhanced status code (RFC 3463). "
                 "A deferred recipient counts again with each attempt.",
                 "status", "class", counters.failures,
                 [](Status status, FailureClass) { return status != Status::sent; });
    families.add("ceymail_mail_rejects_total",
                 "Refusals of a client, a message or a recipient by reason. dnsbl_refused: a DNS block list refuses "
                 "the queries of this host; with postscreen these are answers of the list and no refusals. rate: "
                 "connections and messages above a limit of anvil(8). postscreen: a new client was asked to come "
                 "again. Not counted, as Postfix does not log them as refusals: no HELO, no STARTTLS where it is "
                 "required, syntax errors.",
                 "reason", counters.rejects,
                 [&](RejectReason reason) { return has_postscreen || reason != RejectReason::postscreen; });
}

void add_delay(Families& families, const Counters& counters) {
    const auto& histogram = counters.delivery_delay;
    families
        .add("ceymail_mail_delivery_delay_seconds",
             "Time from arrival in the queue to delivery of sent recipients, all attempts included.",
             MetricType::histogram)
        .histograms.push_back({{},
                               {k_delay_bounds.begin(), k_delay_bounds.end()},
                               {histogram.buckets.begin(), histogram.buckets.end()},
                               static_cast<double>(histogram.sum_microseconds) / k_microseconds});
    auto& stages =
        families.add("ceymail_mail_delivery_stage_seconds_total",
                     "The same time by stage. before_queue: before the queue manager took the message, for a retry "
                     "its age; queue: in the queue manager; connect: connection, with TLS; transmit: transmission.");
    for (std::size_t i = 0; i < k_count<Stage>; ++i) {
        const auto seconds = static_cast<double>(counters.stage_microseconds.values[i]) / k_microseconds;
        stages.samples.push_back({{{"stage", std::string(name_of(static_cast<Stage>(i)))}}, seconds});
    }
}

void add_postfix(Families& families, const Counters& counters, bool has_postscreen, util::BootTime now) {
    add_flow(families, counters, has_postscreen);
    add_delay(families, counters);
    families.add("ceymail_mail_milter_errors_total",
                 "Warnings of Postfix about a milter that it could not reach or understand, and keys that OpenDKIM "
                 "could not load. Where milter_default_action is accept, mail passes unsigned and unchecked.",
                 counters.milter_errors);
    const auto senders = counters.senders.summary(now);
    families.add("ceymail_mail_authenticated_senders",
                 "Different accounts that handed in mail within the last hour (55 to 60 minutes).", senders.senders,
                 MetricType::gauge);
    families.add("ceymail_mail_busiest_sender_messages",
                 "Messages that the busiest of these accounts handed in within the last hour, never too "
                 "low; messages that Postfix refused after the first recipient are included.",
                 senders.busiest_messages, MetricType::gauge);
}

// A taken-over log reader may have written the table: no name twice, none that a sample of its own has.
void add_bans(Families& families, const BanTable& table) {
    constexpr std::string_view k_others = "other";
    auto& samples =
        families
            .add("ceymail_bans_total",
                 "Addresses that Fail2ban banned, also again after the ban had ended; not those that it restored "
                 "at its start. The first 16 jails of the log have a series each, all others are in other.")
            .samples;
    auto others = table.others();
    for (const auto& jail : table.jails()) {
        const auto name = BanTable::name_of(jail);
        if (name.empty()) break;
        const auto is_it = [&](const Sample& sample) { return sample.labels[0].second == name; };
        if (name == k_others || std::ranges::any_of(samples, is_it)) {
            others += jail.bans;
        } else {
            samples.push_back({{{"jail", std::string(name)}}, jail.bans});
        }
    }
    if (others > 0) samples.push_back({{{"jail", std::string(k_others)}}, others});
}

bool has_lines(const Counters& counters, Daemon daemon) { return counters.lines(daemon) > 0; }

bool has_tls(const Counters& counters, Direction direction) {
    std::uint64_t connections = 0;
    for (std::size_t i = 0; i < k_count<TlsProtocol>; ++i)
        connections |= counters.tls(direction, static_cast<TlsProtocol>(i));
    return connections > 0;
}

// What is there by the caller's knowledge or by the log.
Sources with_what_was_seen(const Counters& counters, Sources sources) {
    sources.postfix = sources.postfix || has_lines(counters, Daemon::postfix);
    sources.dovecot = sources.dovecot || has_lines(counters, Daemon::dovecot);
    sources.spamd = sources.spamd || has_lines(counters, Daemon::spamd);
    sources.fail2ban = sources.fail2ban || has_lines(counters, Daemon::fail2ban);
    sources.inbound_tls = sources.inbound_tls || has_tls(counters, Direction::inbound);
    sources.outbound_tls = sources.outbound_tls || has_tls(counters, Direction::outbound);
    sources.postscreen = sources.postscreen || counters.rejects(RejectReason::postscreen) > 0;
    sources.journal = sources.journal || counters.log_gaps + counters.foreign_lines > 0;
    return sources;
}

bool is_program_of(Program program, const Sources& sources) {
    switch (program) {
        case Program::dovecot:
            return sources.dovecot;
        case Program::spamd:
            return sources.spamd;
        case Program::fail2ban:
            return sources.fail2ban;
        case Program::postscreen:
        case Program::dnsblog:
        case Program::tlsproxy:
            return sources.postscreen;
        case Program::none:
            return true;
        default:
            return sources.postfix;
    }
}

// Of the log itself.
void add_log(Families& families, const Counters& counters, const Sources& sources) {
    families.add("ceymail_mail_log_lines_total",
                 "Lines of the mail log that were read, by the program that wrote them; fail2ban: of its own log.",
                 "daemon", counters.lines);
    families.add("ceymail_mail_log_skipped_bytes_total", "Bytes of the mail log that were given up unread.",
                 counters.skipped_bytes);
    families.add("ceymail_mail_log_unparsed_lines_total",
                 "Lines of a program that looked like an outcome and were not understood: another format, cut, or "
                 "forged. none: lines without a stamp, a host and a program.",
                 "program", counters.unparsed,
                 [&](Program program) { return is_program_of(program, sources) || counters.unparsed(program) > 0; });
    if (!sources.journal) return;
    families.add("ceymail_mail_log_gaps_total",
                 "Places of the journal where entries may be missing: deleted before they were read, or "
                 "damaged. How many lines of mail that were is not known.",
                 counters.log_gaps);
    families.add("ceymail_mail_log_foreign_lines_total",
                 "Lines of the journal with the mail facility that are not counted, because a process of "
                 "another user or service than those of the mail system wrote them.",
                 counters.foreign_lines);
}

}  // namespace

std::vector<MetricFamily> make_families(const Counters& counters, const Sources& known, util::BootTime now) {
    const auto sources = with_what_was_seen(counters, known);
    Families families;
    if (sources.postfix) add_postfix(families, counters, sources.postscreen, now);
    if (sources.postfix || sources.dovecot) {
        families.add("ceymail_mail_warnings_total",
                     "Lines of Postfix and Dovecot of these severities, also of those that clients cause, such as a "
                     "failed login.",
                     "severity", counters.warnings);
        families.add("ceymail_mail_authentications_total",
                     "Logins. smtp: of Postfix and of Dovecot's submission service; success when the session ends. A "
                     "failed attempt that Dovecot forgets is not counted: it writes none where a later one of the same "
                     "connection succeeds. error: the login was not judged, since the authentication server did not "
                     "answer or the client named no account.",
                     "service", "result", counters.authentications, [&](LoginService service, LoginResult) {
                         return service == LoginService::smtp || sources.dovecot;
                     });
    }
    if (sources.spamd)
        families.add("ceymail_mail_spam_verdicts_total", "Messages that spamd judged.", "verdict",
                     counters.spam_verdicts);
    if (sources.inbound_tls || sources.outbound_tls)
        families.add("ceymail_mail_tls_total",
                     "TLS connections of Postfix: from clients inbound, to other hosts outbound.", "direction",
                     "protocol", counters.tls, [&](Direction direction, TlsProtocol) {
                         return direction == Direction::inbound ? sources.inbound_tls : sources.outbound_tls;
                     });
    if (sources.fail2ban) add_bans(families, counters.bans);
    add_log(families, counters, sources);
    return families.take();
}

}  // namespace ceymail::maillog
