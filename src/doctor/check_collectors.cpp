// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <sstream>

#include <sysexits.h>
#include <unistd.h>

#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/doctor/confinement.hpp"
#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/snapshot/report_client.hpp"
#include "ceymail/supervisor/factories.hpp"
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

constexpr auto k_time_for_process_table = 1s;
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

CheckPart read_mail_log(const Configuration& configuration) {
    return CheckPart(as_service(configuration, [&configuration] {
        const auto opened = open_mail_log(configuration);
        return opened ? EX_OK : print(opened.error());
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
    if (collector == k_mail_log) return source_of_mail_log(configuration);
    if (collector == "services") return "D-Bus or " + configuration.proc.string();
    return configuration.proc.string();
}

LocalResult result_here(const CheckPart::Outcome& outcome, const std::string& collector,
                        const Configuration& configuration) {
    if (outcome.end == CheckPart::End::hung) return {false, format_hanging(source_of(collector, configuration))};
    if (outcome.end == CheckPart::End::failed) return {false, format_failing(outcome.words)};
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
    if (collector == k_mail_log) return configuration.mail_log;
    return {};
}

// systemd looks at what it binds, which may be a dead mount, but not at the mounts below.
std::filesystem::path to_bind(const std::filesystem::path& path) {
    for (const auto* const above : {"/mnt", "/media"})
        if (path.string().starts_with(std::string(above) + "/")) return above;
    return path;
}

// In a child process, because the process table may hang too.
std::string remedy_for_refusal(const std::string& trouble, const Configuration& configuration) {
    CheckPart part([&] {
        const auto supervisor = system::find_instance(configuration.runtime_directory);
        if (!supervisor || !has_apparmor()) return EX_OK;
        std::fputs(remedy_for_refusal(confinement_of(configuration.proc, *supervisor), trouble).c_str(), stdout);
        return EX_OK;
    });
    return part.finish(BootClock::now() + k_time_for_process_table).words;
}

// The remedy for a path that exists, but not in the service's sandbox. ceymail-metrics-generator binds the configured
// paths, except a disk, which may be a dead mount, and paths that need quotes.
std::string remedy_for(const std::string& collector, const std::string& trouble, const Configuration& configuration) {
    if (auto remedy = remedy_for_refusal(trouble, configuration); !remedy.empty()) return remedy;
    if (trouble.ends_with("hangs")) return "; if a dead mount is mounted again: systemctl restart ceymail-metrics";
    const auto path = path_of(collector, trouble, configuration);
    if (is_always_hidden(path)) return "; the unit hides " + path.string() + " from the service: move it elsewhere";
    if (collector == "disk" || !util::is_plain_in_unit(path.native()))
        return "; its sandbox does not show " + path.string() +
               ": systemctl edit ceymail-metrics, put [Service] and BindReadOnlyPaths=" + quoted(to_bind(path)) +
               " into it, then systemctl restart ceymail-metrics";
    if (trouble.contains("systemctl restart")) return {};
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

}  // namespace

CollectorParts start_collectors(const Configuration& configuration) {
    CollectorParts parts{.service = ask_service(configuration), .here = {}};
    const auto collectors = supervisor::make_collectors(configuration);
    for (std::size_t i = 0; i < collectors.size(); ++i)
        parts.here.emplace_back(collectors[i]->name(), read_from_here(configuration, i));
    if (!configuration.mail_log.empty()) parts.here.emplace_back(k_mail_log, read_mail_log(configuration));
    return parts;
}

void check_collectors(CheckReport& report, const Configuration& configuration, CollectorParts& parts,
                      util::BootTime deadline) {
    const auto states = states_in_service(report, parts.service.finish(deadline));
    for (auto& [name, outside] : parts.here) {
        const auto part = "collector " + name;
        const auto here = result_here(outside.finish(deadline), name, configuration);
        const auto there = std::ranges::find(states, name, &CollectorState::name);
        if (there != states.end()) {
            report_both(report, here, *there, configuration);
        } else if (here.works) {
            report.ok(part);
        } else {
            report.bad(part, here.error);
        }
        report_findings(report, here.findings);
    }
}

}  // namespace ceymail::doctor
