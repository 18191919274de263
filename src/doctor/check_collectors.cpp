// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstdio>
#include <initializer_list>
#include <memory>
#include <optional>
#include <sstream>

#include <sysexits.h>
#include <unistd.h>

#include "ceymail/collect/attachment.hpp"
#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/doctor/confinement.hpp"
#include "ceymail/journal/journal.hpp"
#include "ceymail/maillog/open_log.hpp"
#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/snapshot/report_client.hpp"
#include "ceymail/supervisor/factories.hpp"
#include "ceymail/supervisor/gatherer_socket.hpp"
#include "ceymail/system/instance_lock.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::doctor {

namespace {

using namespace std::chrono_literals;
using config::Configuration;
using snapshot::CollectorState;
using snapshot::Health;
using util::BootClock;

constexpr auto k_time_for_source = 5s;
constexpr auto k_time_for_service = 3s;  // the service needs up to snapshot::k_time_to_answer
constexpr const char* k_mail_log = "mail_log";
constexpr const char* k_attachment = "attachment";
constexpr int k_no_service = EX_UNAVAILABLE;

struct LocalResult {
    bool works = false;
    std::string error{};  // empty if it works
    std::vector<collect::Finding> findings{};
};

std::string one_line(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    std::ranges::replace(text, '\n', ' ');
    return text;
}

int print(const util::Error& error) {
    std::printf("%s\n", error.message.c_str());
    return EX_CONFIG;
}

// Becomes the service's user first, so that the body has the same permissions as the service.
std::function<int()> as_service(const Configuration& configuration, std::function<int()> body) {
    return [&configuration, body = std::move(body)] {
        const auto done = system::become(configuration.user, system::Capability::dac_read_search);
        return done ? body() : print(done.error());
    };
}

CheckPart read_from_here(const Configuration& configuration, std::size_t index) {
    return CheckPart(as_service(configuration, [&configuration, index] {
        const auto collectors = supervisor::make_collectors(configuration);
        const auto collected = collectors[index]->collect(BootClock::now() + k_time_for_source);
        if (!collected) return print(collected.error());
        for (const auto& [level, subject, words] : collectors[index]->findings())
            std::printf("%d\t%s\t%s\n", static_cast<int>(level), subject.c_str(), one_line(words).c_str());
        const auto shortfall = collectors[index]->shortfall();
        return shortfall ? print(*shortfall) : EX_OK;
    }));
}

// Returns: whether the end of the journal can be found, with the rights of this process.
util::Result<void> look_at_journal(const Configuration& configuration) {
    const auto space = std::make_unique<std::array<std::byte, journal::Journal::k_space>>();
    journal::Journal journal(configuration.journal_directory.string());
    CEYMAIL_TRY(journal.read({}, *space, 0));
    return {};
}

// Only the log reader of the service reads the log, so here the file is opened as the gatherer opens it, or the journal
// as the journal reader does. Where there is neither, the service waits for the file.
CheckPart open_mail_log(const Configuration& configuration) {
    return CheckPart(as_service(configuration, [&configuration] {
        const bool must_have_journal = config::mail_log_source(configuration) == config::MailLogSource::journal;
        if (is_journal(configuration)) {
            const auto looked = look_at_journal(configuration);
            if (!looked && (must_have_journal || looked.error().kind != util::ErrorKind::not_found))
                return print(looked.error());
        } else if (const auto files = maillog::open_log_files(configuration.mail_log); !files) {
            return print(files.error());
        }
        const auto other = maillog::open_log_files(configuration.fail2ban_log);
        return configuration.fail2ban_log.empty() || other ? EX_OK : print(other.error());
    }));
}

CheckPart ask_service(const Configuration& configuration) {
    return CheckPart(as_service(configuration, [&configuration] {
        const auto states = snapshot::ask_collectors(snapshot::report_socket_path(configuration),
                                                     BootClock::now() + k_time_for_service);
        std::error_code ignored;
        if (!states && !std::filesystem::exists(snapshot::gatherer_socket_path(configuration), ignored))
            return k_no_service;
        if (!states) return print(states.error());
        std::fputs(snapshot::to_text(*states).c_str(), stdout);
        return EX_OK;
    }));
}

// Splits what read_from_here() printed. Returns: its findings; `text` keeps the error.
std::vector<collect::Finding> take_findings(std::string& text) {
    std::vector<collect::Finding> findings;
    std::string rest;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const auto subject = line.find('\t');
        const auto words = line.find('\t', subject + 1);
        if (subject != 1 || words == std::string::npos) {
            rest += line + "\n";
            continue;
        }
        findings.push_back({static_cast<collect::Finding::Level>(line[0] - '0'),
                            line.substr(subject + 1, words - subject - 1), line.substr(words + 1)});
    }
    text = std::move(rest);
    return findings;
}

void report_findings(CheckReport& report, const std::vector<collect::Finding>& findings) {
    for (const auto& [level, subject, words] : findings) {
        if (level == collect::Finding::Level::ok) report.ok(subject, words);
        if (level == collect::Finding::Level::warning) report.warn(subject, words);
        if (level == collect::Finding::Level::bad) report.bad(subject, words);
    }
}

// The source that a hanging collector reads.
std::string source_of(const std::string& collector, const Configuration& configuration) {
    if (collector == "disk") return "disk = " + configuration.disk.string();
    if (collector == "queue") {
        std::string all;
        for (const auto& directory : configuration.queue_directories)
            all += (all.empty() ? "queue_directory = " : " or ") + directory.string();
        return all;
    }
    if (collector == "accounts" || collector == "galera") return "MariaDB";
    if (collector == k_attachment) return configuration.attach_state.string();
    if (collector == "certificates") return "the configuration of a server, or its certificate";
    if (collector == "backups") return configuration.backup_directory.string();
    if (collector == k_mail_log) return is_journal(configuration) ? "the journal" : configuration.mail_log.string();
    if (collector == "services") return "D-Bus or " + configuration.proc.string();
    return configuration.proc.string();
}

// A site without the endpoint is no fault of the collector, which reports it as 0.
std::string fault_of_site(const Configuration& configuration) {
    const auto text = util::read_file(configuration.attach_state);
    const auto state = text ? collect::parse_attachment(*text) : std::unexpected(text.error());
    if (!state || state->attached) return {};
    return "ceymail_attached is 0: the dashboard's site does not include the endpoint; ceymail-attach --check names "
           "the "
           "file and the cause, and sudo ceymail-attach attaches it again";
}

LocalResult result_here(const CheckPart::Outcome& outcome, const std::string& collector,
                        const Configuration& configuration) {
    switch (outcome.end) {
        case CheckPart::End::hung:
            return {false, format_hanging(source_of(collector, configuration))};
        case CheckPart::End::failed:
            return {false, format_failing(outcome.words)};
        case CheckPart::End::done:
            break;
    }
    auto words = outcome.words;
    auto findings = take_findings(words);
    return {outcome.code == EX_OK, one_line(std::move(words)), std::move(findings)};
}

// Returns: empty if no service runs, which check_service() reports.
std::vector<CollectorState> states_in_service(CheckReport& report, const CheckPart::Outcome& answer) {
    if (answer.end == CheckPart::End::done && answer.code == k_no_service) return {};
    if (answer.end == CheckPart::End::done && answer.code == EX_OK) {
        if (auto states = snapshot::from_text(answer.words)) return std::move(*states);
    }
    const auto why = answer.end == CheckPart::End::hung ? std::string("no answer")
                     : ::geteuid() != 0                 ? std::string("ask as root: sudo ceymail-metrics --check")
                                                        : one_line(answer.words);
    report.warn("collectors", "the service does not tell what it sees: " + why);
    return {};
}

std::optional<CollectorState> state_of(const std::string& name, const std::vector<CollectorState>& states) {
    const auto found = std::ranges::find(states, name, &CollectorState::name);
    return found == states.end() ? std::nullopt : std::optional(*found);
}

bool mentions(const std::string& text, const char* words) { return text.find(words) != std::string::npos; }

// Quotes a word for a unit file. Source: systemd.syntax(7).
std::string quoted(const std::filesystem::path& path) {
    if (util::is_plain_in_unit(path.native())) return path.string();
    std::string word = "\"";
    for (const char c : path.string()) {
        if (c == '"' || c == '\\') word += '\\';
        if (c == '%') word += '%';
        word += c;
    }
    return word + '"';
}

// Hidden by ProtectHome= and InaccessiblePaths= of the unit.
bool is_always_hidden(const std::filesystem::path& path) {
    return std::ranges::any_of(std::initializer_list<const char*>{"/home/", "/root/", "/tmp/", "/var/tmp/"},
                               [&](const char* hidden) { return path.string().starts_with(hidden); });
}

// Returns: the path that the collector reads; the queue directory that `trouble` names.
std::filesystem::path path_of(const std::string& collector, const std::string& trouble,
                              const Configuration& configuration) {
    if (collector == "disk") return configuration.disk;
    if (collector == "queue") {
        const auto& all = configuration.queue_directories;
        const auto named = std::ranges::find_if(all, [&](const auto& one) { return trouble.contains(one.string()); });
        return named != all.end() ? *named : all.front();
    }
    if ((collector == "accounts" || collector == "galera") && configuration.database_host.empty())
        return configuration.database_socket;
    if (collector == k_attachment) return configuration.attach_state;
    if (collector == "backups") return configuration.backup_directory;
    if (collector == k_mail_log) return is_journal(configuration) ? "/var/log/journal" : configuration.mail_log;
    return {};
}

std::optional<Confinement> confinement_of_service(const Configuration& configuration) {
    const auto supervisor = system::find_instance(configuration.runtime_directory);
    return supervisor && has_apparmor() ? confinement_of(configuration.proc, *supervisor) : std::nullopt;
}

// The remedy for a path that exists, but not in the service's sandbox. ceymail-metrics-generator binds the configured
// paths, except a disk, which may be a dead mount, and paths that need quotes.
std::string remedy_for(const std::string& collector, const std::string& trouble, const Configuration& configuration) {
    if (auto remedy = remedy_for_refusal(confinement_of_service(configuration), trouble); !remedy.empty())
        return remedy;
    if (trouble.ends_with("hangs")) return "; if a dead mount is mounted again: systemctl restart ceymail-metrics";
    const auto path = path_of(collector, trouble, configuration);
    if (is_always_hidden(path)) return "; the unit hides " + path.string() + " from the service: move it elsewhere";
    if (collector == "disk" || !util::is_plain_in_unit(path.native()))
        return "; its sandbox does not show " + path.string() +
               ": systemctl edit ceymail-metrics, put [Service] and BindReadOnlyPaths=" + quoted(path) +
               " into it, then systemctl restart ceymail-metrics";
    if (mentions(trouble, "systemctl restart")) return {};
    return "; systemctl daemon-reload && systemctl restart ceymail-metrics shows it what the configuration names";
}

void report_both(CheckReport& report, const LocalResult& here, const CollectorState& there,
                 const Configuration& configuration) {
    const auto part = "collector " + there.name;
    const auto age = std::to_string(there.seconds) + " s ago";
    switch (there.health) {
        case Health::works:
            if (here.works) return report.ok(part, "in the service too, " + age);
            // Without root this process may read less than the service.
            if (::getuid() != 0)
                return report.warn(part, "works in the service, " + age + "; from here: " + here.error);
            return report.bad(part, "works in the service, " + age + ", but not from here: " + here.error +
                                        "; if the service reads what is no longer there: systemctl restart "
                                        "ceymail-metrics");
        case Health::fails:
            if (here.works)
                return report.bad(part, "works from here, but not in the service: " + there.trouble +
                                            remedy_for(there.name, there.trouble, configuration));
            return report.bad(part,
                              here.error + (here.error == there.trouble ? "" : "; in the service: " + there.trouble));
        case Health::waits:
            if (here.works) return report.warn(part, "works from here; the service still waits for it: ask again");
            return report.bad(part, here.error);
    }
}

CheckPart find_journal(const Configuration& configuration) {
    return CheckPart(as_service(configuration, [&configuration] {
        const auto looked = look_at_journal(configuration);
        return looked ? EX_OK : print(looked.error());
    }));
}

void report_mail_log(CheckReport& report, const Configuration& configuration, const CheckPart::Outcome& journal) {
    const auto& log = configuration.mail_log;
    std::error_code ignored;
    if (log.empty() || (log.is_absolute() && std::filesystem::exists(log, ignored))) return;
    const bool has_journal = journal.end == CheckPart::End::done && journal.code == EX_OK;
    if (is_journal(configuration) && has_journal)
        return report.ok("mail log", log.is_absolute() ? "there is no " + log.string() + "; read from the journal"
                                                       : "read from the journal");
    if (log.is_absolute())
        report.warn("mail log", "there is no " + log.string() +
                                    ", so nothing is counted from it: it comes with the first line that rsyslog "
                                    "writes; install rsyslog, or name the file by mail_log (mail_log = turns it off)");
}

}  // namespace

bool is_journal(const Configuration& configuration) {
    using config::MailLogSource;
    const auto source = config::mail_log_source(configuration);
    std::error_code ignored;
    return source == MailLogSource::journal ||
           (source == MailLogSource::file_or_journal && !std::filesystem::exists(configuration.mail_log, ignored));
}

CollectorsCheck::CollectorsCheck(const Configuration& configuration)
    : m_configuration(configuration), m_service(ask_service(configuration)), m_journal(find_journal(configuration)) {
    const auto collectors = supervisor::make_collectors(configuration);
    for (std::size_t i = 0; i < collectors.size(); ++i)
        m_outside.push_back({std::string(collectors[i]->name()), read_from_here(configuration, i)});
    if (!configuration.mail_log.empty()) m_outside.push_back({k_mail_log, open_mail_log(configuration)});
}

void CollectorsCheck::report_to(CheckReport& report, util::BootTime deadline) {
    const auto states = states_in_service(report, m_service.finish(deadline));
    for (auto& [name, outside] : m_outside) {
        const auto part = "collector " + name;
        const auto here = result_here(outside.finish(deadline), name, m_configuration);
        const auto there = state_of(name, states);
        const auto fault = here.works && name == k_attachment ? fault_of_site(m_configuration) : std::string();
        if (!fault.empty()) {
            report.bad(part, fault);
        } else if (there) {
            report_both(report, here, *there, m_configuration);
        } else if (here.works) {
            report.ok(part);
        } else {
            report.bad(part, here.error);
        }
        report_findings(report, here.findings);
    }
    report_mail_log(report, m_configuration, m_journal.finish(deadline));
}

}  // namespace ceymail::doctor
