// SPDX-License-Identifier: MIT
#include "support/maillog_reference.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace ceymail::testing {
namespace {

using namespace maillog;

// The groups of a match; the whole match is the first.
using Groups = std::vector<std::string>;

class Pattern {
public:
    explicit Pattern(const std::string& text) {
        int error = 0;
        std::size_t at = 0;
        m_code.reset(
            pcre2_compile(bytes(text), text.size(), PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL, &error, &at, nullptr));
        if (!m_code) throw std::logic_error("no expression: " + text);
        pcre2_jit_compile(m_code.get(), PCRE2_JIT_COMPLETE);  // without it, it is slower
        m_found.reset(pcre2_match_data_create_from_pattern(m_code.get(), nullptr));
    }

    // Errors: throws std::logic_error if the text takes more than PCRE2's limits.
    [[nodiscard]] std::optional<Groups> match(const std::string& text) {
        const int count = pcre2_match(m_code.get(), bytes(text), text.size(), 0, 0, m_found.get(), nullptr);
        if (count == PCRE2_ERROR_NOMATCH) return std::nullopt;
        if (count < 0) throw std::logic_error("PCRE2 gave up with " + std::to_string(count));
        const auto* at = pcre2_get_ovector_pointer(m_found.get());
        Groups groups(pcre2_get_ovector_count(m_found.get()));
        for (std::size_t i = 0; i < groups.size(); ++i)
            if (at[2 * i] != PCRE2_UNSET) groups[i] = text.substr(at[2 * i], at[2 * i + 1] - at[2 * i]);
        return groups;
    }

private:
    static PCRE2_SPTR bytes(const std::string& text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

    struct Free {
        void operator()(pcre2_code* code) const { pcre2_code_free(code); }
        void operator()(pcre2_match_data* found) const { pcre2_match_data_free(found); }
    };

    std::unique_ptr<pcre2_code, Free> m_code;
    std::unique_ptr<pcre2_match_data, Free> m_found;
};

// Compiled once.
std::optional<Groups> match(const std::string& text, const std::string& pattern) {
    static std::map<std::string, Pattern> compiled;
    return compiled.try_emplace(pattern, pattern).first->second.match(text);
}

bool begins(const std::string& text, const std::string& pattern) {
    return match(text, "^(" + pattern + ")").has_value();
}

std::string behind(const std::string& text, const Groups& groups) { return text.substr(groups[0].size()); }

const std::string k_qid = "[0-9A-Za-z]{6,20}: ";
// Possessive: a long address must not be tried in each shorter length too.
const std::string k_address = R"(<(?:[^">]++|"(?:[^"\\]++|\\.)*+")*+>)";
const std::string k_client = R"([^[ ]*\[([^] ]+)\](:[0-9]+)?)";
const std::string k_seconds = R"([0-9]{1,9}(\.[0-9]{1,6})?)";

std::uint64_t number(const std::string& digits) {
    return digits.empty() ? 0 : std::strtoull(digits.c_str(), nullptr, 10);
}

std::uint64_t microseconds(const std::string& seconds) {
    const auto point = seconds.find('.');
    const auto fraction = point == seconds.npos ? std::string() : seconds.substr(point + 1);
    return number(seconds.substr(0, point)) * 1'000'000 + number((fraction + "000000").substr(0, 6));
}

struct Text {
    Counters& counters;
    util::BootTime now;
    std::uint64_t times;
    std::string program;
    std::string service;
    std::string text;
};

template <class E>
std::optional<E> named(const std::string& name) {
    for (std::size_t i = 0; i < k_count<E>; ++i)
        if (name == k_names<E>[i]) return static_cast<E>(i);
    return std::nullopt;
}

void unparsed(const Text& t) { t.counters.unparsed(named<Program>(t.program).value()) += t.times; }
void reject(const Text& t, RejectReason reason) { t.counters.rejects(reason) += t.times; }

bool severity(const Text& t) {
    const auto found = match(t.text, "^(warning|error|fatal|panic): ");
    if (!found) return false;
    t.counters.warnings(named<Severity>((*found)[1]).value()) += t.times;
    const auto rest = behind(t.text, *found);
    if ((t.program == "smtpd" || t.program == "cleanup") && begins(rest, "connect to Milter service |milter "))
        t.counters.milter_errors += t.times;
    return true;
}

// --- deliveries

void delivery(const Text& t, const std::string& text) {
    static const std::string pattern =
        "^to=" + k_address + ", (orig_to=" + k_address + ", )?relay=([^, ]+), (conn_use=[0-9]{1,9}, )?delay=(" +
        k_seconds + "), delays=(" + k_seconds + ")/(" + k_seconds + ")/(" + k_seconds + ")/(" + k_seconds +
        R"(), (tls=[^, ]+, )?dsn=([0-9])\.([0-9]{1,3})\.[0-9]{1,3}, status=([A-Za-z-]*) \()";
    const auto found = match(text, pattern);
    if (!found) return unparsed(t);
    const auto& g = *found;
    const std::size_t relay_at = 2;  // behind the one around orig_to
    const auto& relay = g[relay_at];
    const auto delay = microseconds(g[relay_at + 2]);
    const std::array stages{microseconds(g[relay_at + 4]), microseconds(g[relay_at + 6]), microseconds(g[relay_at + 8]),
                            microseconds(g[relay_at + 10])};
    const auto dsn = g[relay_at + 13];
    const auto subject = number(g[relay_at + 14]);
    const auto word = g[relay_at + 15];
    const auto reply = behind(text, g);

    static const std::map<std::string, std::pair<std::string, std::string>> words{
        {"sent", {"2", "sent"}},
        {"deferred", {"4", "deferred"}},
        {"SOFTBOUNCE", {"4", "deferred"}},
        {"bounced", {"5", "bounced"}},
        {"deliverable", {"2", ""}},
        {"undeliverable", {"45", ""}},
        {"undeliverable-but-not-cached", {"45", ""}},
    };
    const auto known = words.find(word);
    if (known == words.end() || known->second.first.find(dsn) == std::string::npos) return unparsed(t);
    const bool tries = t.program == "smtp" || t.program == "lmtp" || t.program == "local" || t.program == "virtual" ||
                       t.program == "pipe";
    if (!tries && relay != "none") return unparsed(t);
    const auto& status = known->second.second;
    if (status == "sent" && relay == "none") return unparsed(t);
    if (status.empty()) return;
    const auto transport = tries ? named<Transport>(t.program).value() : Transport::error;
    if (status == "sent") {
        if (t.program == "local" && begins(reply, "forwarded as ")) return;
        const bool network = t.program == "smtp" || t.program == "lmtp";
        const auto port = match(relay, R"(^[^[]*\[(127\.0\.0\.1|::1)\]:([0-9]{1,5})$)");
        if (network && port && number((*port)[2]) >= 10000) return;
        t.counters.delivery_delay.sum_microseconds += delay * t.times;
        std::size_t bucket = 0;
        for (const std::uint64_t bound :
             {100'000ULL, 300'000ULL, 1'000'000ULL, 3'000'000ULL, 10'000'000ULL, 30'000'000ULL, 100'000'000ULL,
              300'000'000ULL, 1'000'000'000ULL, 3'600'000'000ULL, 14'400'000'000ULL, 86'400'000'000ULL})
            bucket += delay > bound ? 1 : 0;
        t.counters.delivery_delay.buckets[bucket] += t.times;
        for (std::size_t i = 0; i < 4; ++i) t.counters.stage_microseconds.values[i] += stages[i] * t.times;
    } else {
        const auto kind = subject <= 7 ? static_cast<FailureClass>(subject) : FailureClass::other;
        t.counters.failures(named<Status>(status).value(), kind) += t.times;
    }
    t.counters.recipients(transport, named<Status>(status).value()) += t.times;
}

// --- TLS

void tls(const Text& t) {
    if (!begins(t.text, "(Anonymous|Untrusted|Trusted|Verified) TLS connection established ")) return;
    static const std::string inbound =
        "^[A-Z][a-z]+ TLS connection established from " + k_client + "( to [^ :]*)?: ([^ :]+) with cipher ";
    static const std::string outbound =
        "^[A-Z][a-z]+ TLS connection established to " + k_client + ": ([^ :]+) with cipher ";
    const auto in = match(t.text, inbound);
    const auto out = match(t.text, outbound);
    if (!in && !out) return unparsed(t);
    const auto protocol = in ? (*in)[4] : (*out)[3];
    t.counters.tls(in ? Direction::inbound : Direction::outbound,
                   named<TlsProtocol>(protocol).value_or(TlsProtocol::other)) += t.times;
}

// --- smtpd

bool submission(const std::string& service) { return begins(service, "(submissions?|smtps|587|465)$"); }

void disconnect(const Text& t) {
    static const std::string pattern = "^disconnect from " + k_client + "(( [a-z]+=[0-9]{1,7}(/[0-9]{1,7})?)*)$";
    const auto found = match(t.text, pattern);
    if (!found) return unparsed(t);
    std::map<std::string, std::uint64_t> accepted;
    std::string left = (*found)[3];
    std::string last;
    std::size_t lasts = 0;
    std::uint64_t data_total = 0;
    while (!left.empty()) {
        const auto word = match(left, "^ ([a-z]+)=([0-9]+)(/[0-9]+)?").value();
        last = word[1];
        lasts += last == "commands" ? 1 : 0;
        accepted[last] = number(word[2]);
        if (last == "data") data_total = std::max(accepted[last], word[3].empty() ? 0 : number(word[3].substr(1)));
        left = behind(left, word);
    }
    if (last != "commands" || lasts != 1) return unparsed(t);
    t.counters.authentications(LoginService::smtp, LoginResult::success) += accepted["auth"] * t.times;
    const auto& address = (*found)[1];
    const bool loopback = address == "127.0.0.1" || address == "::1";
    if (accepted["xforward"] > 0 || (loopback && begins(t.service, "([0-9]{4,}|reinject)$"))) return;
    const auto transactions = std::min(accepted["mail"], accepted["rcpt"]);
    const auto chunked = transactions > data_total ? transactions - data_total : 0;
    const auto messages = accepted["data"] + std::min(accepted["bdat"], chunked);
    t.counters.received(accepted["auth"] > 0 || submission(t.service) ? Source::submission : Source::smtp) +=
        messages * t.times;
}

RejectReason blocked(const std::string& text) {
    const auto list = match(text, R"(^Service unavailable; [A-Za-z ]+ \[[^] ]*\] blocked using [^; ]*; )");
    if (!list) return RejectReason::dnsbl;
    auto words = behind(text, *list);
    if (behind(text, match(text, R"(^[^]]*\] blocked using )").value()).find("] blocked using ") != std::string::npos)
        return RejectReason::dnsbl;
    for (const char* envelope : {"; from=<", "; to=<", "; proto="}) words = words.substr(0, words.find(envelope));
    const bool refused = begins(words, "Error: open resolver") || words.find("/returnc/") != std::string::npos;
    return refused ? RejectReason::dnsbl_refused : RejectReason::dnsbl;
}

std::optional<RejectReason> reason_of(const std::string& reply, const std::string& service) {
    const auto head = match(reply, R"(^([45][0-9][0-9]) ([0-9])\.([0-9]{1,3})\.([0-9]{1,3}) )");
    if (!head) return std::nullopt;
    const auto code = number((*head)[1]);
    const auto x = number((*head)[3]);
    const auto y = number((*head)[4]);
    const auto text = behind(reply, *head);
    const auto name_end = text.find(">: ");
    if (text.empty() || text[0] != '<' || name_end == text.npos) {
        if (begins(
                text,
                R"(Service unavailable; (Client host|Sender address|Helo command|Recipient address|Unverified Client host) \[)"))
            return blocked(text);
        if (begins(text, "Client host rejected: cannot find your (reverse )?hostname")) return RejectReason::helo;
        if (begins(text, "Message size exceeds fixed limit")) return RejectReason::size;
        if (begins(text, "Session encryption is required")) return RejectReason::tls_or_auth;
        if (x == 3) return y == 4 ? RejectReason::size : RejectReason::local_error;
        return RejectReason::other;
    }
    const auto why = text.substr(name_end + 3);
    if (begins(why, "Relay access denied")) return RejectReason::relay_denied;
    const bool recipient = begins(why, "Recipient address rejected: ");
    const bool sender = begins(why, "Sender address rejected: ");
    if (recipient &&
        ((x == 1 && y == 1) ||
         begins(why, "Recipient address rejected: (User unknown|undeliverable address|unverified address)")))
        return RejectReason::unknown_recipient;
    const bool no_domain = begins(why, "(Recipient|Sender) address rejected: Domain not found") ||
                           (x == 1 && (y == 2 || y == 8 || y == 10)) || (x == 7 && y == 27) ||
                           (code == 504 && x == 5 && y == 2);
    if ((recipient || sender) && no_domain) return RejectReason::sender_domain;
    if (begins(why, "Helo command rejected: ")) return RejectReason::helo;
    const std::string subject =
        "((Recipient address|Sender address|Client host|Data command|End-of-data|ETRN command) rejected: )?";
    if (begins(why, subject + "cannot find your (reverse )?hostname")) return RejectReason::helo;
    if (begins(why, subject + "Session encryption is required")) return RejectReason::tls_or_auth;
    if (submission(service) && begins(why, subject + "Access denied")) return RejectReason::tls_or_auth;
    if (begins(why, "Sender address rejected: (not logged in|not owned by user)")) return RejectReason::tls_or_auth;
    if (x == 3) return RejectReason::local_error;
    return code == 450 || code == 451 ? RejectReason::policy : RejectReason::other;
}

void smtpd_warning(const Text& t) {
    const auto text = t.text.substr(t.text.find(": ") + 2);
    if (begins(
            text,
            "(Connection rate|Connection concurrency|Message delivery request rate|Recipient address rate|AUTH command "
            "rate|New TLS session rate) limit exceeded: [0-9]{1,18} from "))
        return reject(t, RejectReason::rate);
    if (begins(text, "Refusing STARTTLS request from " + k_client + " for service "))
        return reject(t, RejectReason::rate);
    if (begins(text, k_qid)) {
        if (begins(text, k_qid + "(queue file size limit exceeded|BDAT request from " + k_client +
                             " exceeds message size limit)"))
            reject(t, RejectReason::size);
        return;
    }
    const auto sasl = match(text, "^" + k_client + ": SASL ");
    if (!sasl) return;
    const auto rest = behind(text, *sasl);
    if (begins(rest, "[^ ]* authentication aborted")) return;
    if (!begins(rest, "[^ ]* authentication failed")) return unparsed(t);
    const bool server =
        begins(rest,
               "[^ ]* authentication failed: (Connection lost to authentication server|Temporary authentication "
               "failure|Internal authentication error|\\(reason unavailable\\), sasl_username=\\(unavailable\\)$)");
    t.counters.authentications(LoginService::smtp, server ? LoginResult::error : LoginResult::failure) += t.times;
}

void smtpd_message(const Text& t, const std::string& text) {
    static const std::string stage = "[A-Z-]+ from " + k_client + ": ";
    if (begins(text, "client=")) {
        if (!begins(text, "client=" + k_client)) return unparsed(t);
        const auto found = match(text, "^client=" + k_client + ", sasl_method=[^,]*, sasl_username=([^,]+)");
        if (found) t.counters.senders.add((*found)[3], t.times, t.now);
    } else if (begins(text, "reject: ")) {
        const auto found = match(text, "^reject: " + stage);
        const auto reason = found ? reason_of(behind(text, *found), t.service) : std::nullopt;
        reason ? reject(t, *reason) : unparsed(t);
    } else if (begins(text, "milter-reject: ")) {
        if (!begins(text, "milter-reject: " + stage)) return unparsed(t);
        const bool put_off = begins(text, "milter-reject: (CONNECT|HELO|EHLO) ");
        if (!put_off || begins(text, "milter-reject: " + stage + "421 ")) reject(t, RejectReason::milter);
    } else if (begins(text, "proxy-reject: ")) {
        reject(t, RejectReason::content);
    }
}

void smtpd(const Text& t) {
    if (begins(t.text, "disconnect from ")) return disconnect(t);
    if (severity(t)) return smtpd_warning(t);
    if (const auto qid = match(t.text, "^(NOQUEUE: |" + k_qid + ")")) return smtpd_message(t, behind(t.text, *qid));
    if (begins(t.text, "proxy-reject: ")) return reject(t, RejectReason::content);
    tls(t);
}

// --- other programs

void agent(const Text& t) {
    if (severity(t)) return;
    if (const auto qid = match(t.text, "^" + k_qid)) {
        if (begins(behind(t.text, *qid), "to=<")) delivery(t, behind(t.text, *qid));
        return;
    }
    tls(t);
}

void cleanup(const Text& t) {
    if (severity(t)) return;
    const auto qid = match(t.text, "^" + k_qid);
    if (!qid) return;
    const auto text = behind(t.text, *qid);
    if (begins(text, "milter-reject: ")) return reject(t, RejectReason::milter);
    if (begins(text, "reject: "))
        return begins(text, "reject: (header|body|mime-error|nested-header) ") ? reject(t, RejectReason::content)
                                                                               : unparsed(t);
    if (begins(text, "to=<")) delivery(t, text);
}

void qmgr(const Text& t) {
    if (severity(t)) return;
    const auto qid = match(t.text, "^" + k_qid);
    if (!qid) return;
    const auto text = behind(t.text, *qid);
    if (begins(text, "to=<")) return delivery(t, text);
    if (!begins(text, "from=")) return;
    if (begins(text, "from=" + k_address + ", size=")) return;
    if (begins(text, "from=" + k_address + ", status=(force-)?expired, returned to sender$")) {
        t.counters.expired += t.times;
    } else {
        unparsed(t);
    }
}

void pickup(const Text& t) {
    if (severity(t) || !begins(t.text, k_qid + "uid=")) return;
    const auto whole = k_qid + "uid=[0-9]{1,10} from=" + k_address;
    if (begins(t.text, whole + " orig_id=")) return;
    if (begins(t.text, whole + "$")) {
        t.counters.received(Source::local) += t.times;
    } else {
        unparsed(t);
    }
}

void postscreen(const Text& t) {
    if (severity(t)) return;
    if (!begins(t.text, "NOQUEUE: reject: ")) return tls(t);
    const auto found = match(t.text, "^NOQUEUE: reject: ([A-Z-]+) from " + k_client + ": ");
    if (!found) return unparsed(t);
    const auto reply = behind(t.text, *found);
    if ((*found)[1] == "CONNECT") return reject(t, RejectReason::local_error);
    if (begins(reply, R"(450 4\.3\.2 )")) return reject(t, RejectReason::postscreen);
    if (begins(reply, R"(550 5\.7\.1 Service unavailable; client \[)")) return reject(t, RejectReason::dnsbl);
    begins(reply, "[4-9][0-9][0-9] ") ? reject(t, RejectReason::other) : unparsed(t);
}

void dnsblog(const Text& t) {
    if (severity(t) || !begins(t.text, "addr [^ ]* listed by domain ")) return;
    if (!begins(t.text, "addr [^ ]+ listed by domain [^ ]+ as ")) return unparsed(t);
    if (begins(t.text, R"(addr [^ ]+ listed by domain [^ ]+ as 127\.255\.255\.)"))
        reject(t, RejectReason::dnsbl_refused);
}

void tlsproxy(const Text& t) {
    if (!severity(t)) tls(t);
}

void other_postfix(const Text& t) { severity(t); }

void dovecot_severity(const Text& t, const std::string& text) {
    const auto found = match(text, "^(Warning|Error|Fatal|Panic): ");
    if (!found) return;
    auto name = (*found)[1];
    name[0] = static_cast<char>(name[0] + ('a' - 'A'));
    t.counters.warnings(named<Severity>(name).value()) += t.times;
}

void dovecot(const Text& t) {
    const auto login = match(t.text, "^(imap|pop3|managesieve|submission)-login: ");
    if (!login) {
        const auto process = match(t.text, R"(^[0-9A-Za-z-]+(\([^)]*\))?(<[^>]*>)*: )");
        if (process) dovecot_severity(t, behind(t.text, *process));
        return;
    }
    static const std::map<std::string, std::string> services{
        {"imap", "imap"}, {"pop3", "pop3"}, {"managesieve", "sieve"}, {"submission", "smtp"}};
    const auto service = named<LoginService>(services.at((*login)[1])).value();
    const auto text = behind(t.text, *login);
    if (begins(text, "Login: |Logged in: ")) {
        if (!begins(text, "(Login|Logged in): user=<")) return unparsed(t);
        t.counters.authentications(service, LoginResult::success) += t.times;
    } else if (begins(text, "Disconnected|Aborted login|Login aborted")) {
        if (!begins(text, R"([^(<]*\(auth failed, )")) return;
        const auto found =
            match(text, R"(^[^(<]*\(auth failed, ([0-9]{1,9}) attempts( in [^)<]*)?\)( \(auth_temp_failed\))?)");
        if (!found) return unparsed(t);
        t.counters.authentications(service, (*found)[3].empty() ? LoginResult::failure : LoginResult::error) +=
            std::min<std::uint64_t>(number((*found)[1]), 100) * t.times;
    } else {
        dovecot_severity(t, text);
    }
}

void spamd(const Text& t) {
    const auto found = match(t.text, R"(^spamd: (identified spam|clean message) \()");
    if (!found) return;
    if (!begins(t.text, R"(spamd: (identified spam|clean message) \([-0-9.]+/[-0-9.]+\) for )")) return unparsed(t);
    t.counters.spam_verdicts((*found)[1] == "clean message" ? Verdict::ham : Verdict::spam) += t.times;
}

void opendkim(const Text& t) {
    if (begins(t.text, k_qid + "error loading key '")) t.counters.milter_errors += t.times;
}

// --- lines

using Handler = void (*)(const Text&);

struct Known {
    Handler handler = nullptr;
    Daemon daemon = Daemon::other;
};

Known known(const std::string& tag, const std::string& program, const std::string& service) {
    static const std::map<std::string, Handler> postfix{
        {"smtpd", smtpd},       {"smtp", agent},    {"lmtp", agent},      {"local", agent},
        {"virtual", agent},     {"pipe", agent},    {"error", agent},     {"cleanup", cleanup},
        {"qmgr", qmgr},         {"pickup", pickup}, {"dnsblog", dnsblog}, {"postscreen", postscreen},
        {"tlsproxy", tlsproxy},
    };
    if (!service.empty() && postfix.contains(program)) return {postfix.at(program), Daemon::postfix};
    if (service.empty() && tag == "dovecot") return {dovecot, Daemon::dovecot};
    if (service.empty() && tag == "spamd") return {spamd, Daemon::spamd};
    if (service.empty() && tag == "opendkim") return {opendkim, Daemon::other};
    if (tag == "master" || (!service.empty() && begins(tag, "postfix"))) return {other_postfix, Daemon::postfix};
    return {};
}

void text_of_tag(const std::string& whole_tag, std::string text, util::BootTime now, Counters& counters) {
    const auto tag = whole_tag.substr(0, whole_tag.find('['));
    const auto slash = tag.rfind('/');
    const auto program = slash == tag.npos ? tag : tag.substr(slash + 1);
    auto service = slash == tag.npos ? std::string() : tag.substr(0, slash);
    service = service.substr(service.rfind('/') + 1);  // npos + 1 is 0
    const auto [handler, daemon] = known(tag, program, service);
    ++counters.lines(daemon);
    std::uint64_t times = 1;
    if (const auto repeated = match(text, R"(^message repeated ([0-9]+) times: \[ ?)")) {
        if ((*repeated)[1].length() > 18 || number((*repeated)[1]) == 0) {
            const bool has_program = handler != other_postfix && handler != opendkim;
            if (handler != nullptr) ++counters.unparsed(has_program ? named<Program>(program).value() : Program::none);
            return;
        }
        times = std::min<std::uint64_t>(number((*repeated)[1]), 10'000);
        text = behind(text, *repeated);
        if (text.ends_with(']')) text.pop_back();
    }
    if (handler != nullptr) handler({counters, now, times, program, service, text});
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        std::string line(text.substr(0, end));
        line.erase(0, line.find_first_not_of('\0'));  // npos: all of it
        lines.push_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

}  // namespace

void parse_mail_log_slowly(std::string_view text, util::BootTime now, Counters& counters) {
    static const std::string iso = "[0-9][^ ]{3}-[^ ]{2}-[^ ]{2}T[^ ]{2}:[^ ]{2}:[^ ]{2,18} ";
    static const std::string bsd = "[A-Z][^\n]{2} [^\n]{2} [^\n]{2}:[^\n]{2}:[^\n]{2} ";
    for (const auto& line : lines_of(text)) {
        const auto parts = match(line, "^(" + iso + "|" + bsd + ")[^ ]+ ([^: ]+):? ?");
        if (parts) {
            text_of_tag((*parts)[2], behind(line, *parts), now, counters);
            continue;
        }
        ++counters.lines(Daemon::other);
        if (!line.empty()) ++counters.unparsed(Program::none);
    }
}

void parse_fail2ban_slowly(std::string_view text, Counters& counters) {
    static const std::string stamp = "[0-9][^\n]{3}-[^\n]{2}-[^\n]{2} [^\n]{2}:[^\n]{2}:[^\n]{2},[^\n]{3} ";
    for (const auto& line : lines_of(text)) {
        ++counters.lines(Daemon::fail2ban);
        const auto head = match(line, "^" + stamp + "fail2ban\\.(actions|filter) ");
        if (!head) continue;
        const auto rest = behind(line, *head);
        const auto shape = match(rest, R"(^ *\[[0-9]{1,10}\]: *[A-Z]+ *(\[([^]]*)\] )?)");
        if (!shape || ((*shape)[1].empty() && begins(behind(rest, *shape), "\\["))) {
            ++counters.unparsed(Program::fail2ban);
            continue;
        }
        const auto jail = (*shape)[2];
        const bool ban = (*head)[1] == "actions" && begins(behind(rest, *shape), "Ban ");
        if (!jail.empty()) counters.bans.add(jail, ban ? 1 : 0);
    }
}

}  // namespace ceymail::testing
