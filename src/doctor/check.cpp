// SPDX-License-Identifier: MIT
#include "ceymail/doctor/check.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <sysexits.h>
#include <unistd.h>

#include "ceymail/doctor/check_part.hpp"
#include "ceymail/doctor/check_parts.hpp"
#include "ceymail/doctor/check_report.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/supervisor/factories.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::doctor {

namespace {

using namespace std::chrono_literals;
using util::BootClock;
using util::ErrorKind;

void check_plan(CheckReport& report, const config::Configuration& configuration) {
    if (configuration.plan == config::Plan::unknown)
        return report.bad("plan", config::format_unknown_plan(configuration));
    const std::string plan(config::to_string(configuration.plan));
    if (config::may_export_metrics(configuration.plan)) return report.ok("plan", plan);
    report.bad("plan", plan + " does not export metrics: every request is answered 403; set plan = business or above");
}

// active() needs the schema and the grants to read, may_touch() the grants to write.
void check_database(CheckReport& report, const config::Configuration& configuration) {
    auto tokens = supervisor::token_reader(configuration);
    const auto active = tokens.active(BootClock::now() + k_time_for_source);
    if (!active) return report.bad("database", active.error().message);
    const auto touched = tokens.may_touch(BootClock::now() + k_time_for_source);
    if (!touched) return report.bad("database", touched.error().message);
    report.ok("database");
    if (*active) return check_token(report, configuration, (*active)->created_at);
    report.bad("token", "there is no active token: every request is answered 401; make one by ceymail-token generate");
}

// Prints nothing where MariaDB is no node of a cluster, or cannot be asked: then "database" says why.
void check_galera(CheckReport& report, const config::Configuration& configuration) {
    auto reader = supervisor::galera_node_reader(configuration);
    const auto node = reader.read(BootClock::now() + k_time_for_source);
    if (!node || !*node) return;
    const auto& [ready, primary, state, state_name, size, cluster] = **node;
    const std::string words = state_name + ", " + (ready ? "ready" : "not ready") + ", " + std::to_string(size) +
                              (size == 1 ? " node" : " nodes") + " in its component";
    const std::string grace = std::to_string(configuration.auth_grace.count());
    if (!primary || !ready)
        return report.bad("galera", "the node is " +
                                        std::string(primary ? "not ready" : "not in the primary component") + " (" +
                                        words + "): the token that was verified last is accepted for " + grace +
                                        " s, then every request is answered 503; see SHOW STATUS LIKE 'wsrep%'");
    constexpr std::uint64_t k_synced = 4;
    if (state != k_synced)
        return report.warn("galera", words +
                                         ": it may answer from older data until it is synced; back up on a node "
                                         "without ceymail-metrics, and use mariabackup for state transfers");
    report.ok("galera", words);
}

std::string age_of_last_use(const shared::SegmentLayout& layout) {
    const std::chrono::nanoseconds written{layout.last_used_written_at.load()};
    if (written.count() == 0) return "no scrape since it was made";
    const auto age = BootClock::now().time_since_epoch() - written;
    return "last scrape noted " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) +
           " s ago";
}

void check_segment(CheckReport& report, const config::Configuration& configuration) {
    const auto& directory = configuration.runtime_directory;
    // Source: logind.conf(5): RemoveIPC=yes removes only /dev/shm and System V IPC.
    if (directory.native().starts_with("/dev/shm"))
        return report.bad("segment", directory.string() +
                                         " is emptied by RemoveIPC=yes, and anyone may squat there: set "
                                         "runtime_directory = /run/ceymail-metrics");
    const auto segment = shared::Segment::open_existing(directory);
    if (segment) {
        report.ok("segment", age_of_last_use(segment->layout()));
        return check_clients(report, segment->layout());
    }
    if (segment.error().kind == ErrorKind::not_found)
        return report.ok("segment", "none in " + directory.string() + " yet: the responder makes it when it starts");
    report.bad("segment", segment.error().message);
}

constexpr auto k_time_for_web_server = 12s;  // name lookup and 10 s for the answer

// For a command that changes it: with the defaults there is none yet.
std::filesystem::path configuration_file(const std::string& source) {
    std::error_code ignored;
    return std::filesystem::exists(source, ignored) ? source : config::k_default_path;
}

enum class Sees { as_root, as_service };

struct PrintingPart {
    std::string name;
    std::string source;  // what it reads, for the message if it hangs
    CheckPart part;
    std::chrono::nanoseconds time = k_time_for_part;
};

CheckPart start(const config::Configuration& configuration, Sees sees, const std::function<void(CheckReport&)>& check) {
    return CheckPart([&] {
        CheckReport report;
        util::Result<void> user;
        if (sees == Sees::as_service) user = system::become(configuration.user, system::Capability::dac_read_search);
        if (!user) report.bad("user", user.error().message);
        if (user) check(report);
        return report.exit_code();
    });
}

void finish(CheckReport& report, PrintingPart& part, util::BootTime began) {
    const auto outcome = part.part.finish(began + part.time);
    if (outcome.end == CheckPart::End::failed) return report.bad(part.name, format_failing(outcome.words));
    report.add(outcome.words, outcome.code);
    if (outcome.end == CheckPart::End::hung) report.bad(part.name, format_hanging(part.source, part.time));
}

}  // namespace

std::string format_hanging(const std::string& source, std::chrono::nanoseconds time) {
    return "no answer within " + std::to_string(std::chrono::floor<std::chrono::seconds>(time).count()) +
           " s: " + source + " hangs; look for a dead mount (findmnt) or a server that is stuck";
}

std::string format_failing(const std::string& why) { return "could not be looked at: " + why; }

bool can_be_read_in_time(const std::filesystem::path& file) {
    CheckPart part([&] { return util::read_file(file) ? EX_OK : EX_NOINPUT; });
    if (part.finish(BootClock::now() + k_time_for_part).end != CheckPart::End::hung) return true;
    CheckReport().bad("configuration", format_hanging(file.string()));
    return false;
}

// All parts run at the same time and are reported in order. --check takes as long as the slowest part.
int check(const config::Configuration& configuration, const std::string& source, const std::optional<std::string>& url,
          const std::optional<std::filesystem::path>& token_file) {
    const auto began = BootClock::now();
    CheckReport report;
    if (configuration.page_faults.empty()) report.ok("configuration", source);
    for (const auto& fault : configuration.page_faults)
        report.bad("configuration", fault + "; the metrics are served, but ceymail-settings does not start");
    PrintingPart user{"user", "the look-up of user = " + configuration.user,
                      start(configuration, Sees::as_service, [](CheckReport&) {})};
    CheckReport of_user;
    finish(of_user, user, began);
    if (of_user.exit_code() != EX_OK) return of_user.exit_code();

    std::vector<PrintingPart> parts;
    const auto add = [&](const char* name, const std::string& asked, Sees sees, const auto& body) {
        parts.push_back({name, asked, start(configuration, sees, [&](CheckReport& to) { body(to, configuration); })});
    };
    const auto directory = configuration.runtime_directory.string();
    add("service", directory + " or " + configuration.proc.string(), Sees::as_root, check_service);
    add("sandbox", "D-Bus or systemd", Sees::as_root, check_sandbox);
    add("apparmor", configuration.proc.string(), Sees::as_root, check_apparmor);
    add("socket", "its directory or " + configuration.proc.string(), Sees::as_root, check_socket);
    add("plan", "nothing", Sees::as_service, check_plan);
    add("segment", directory, Sees::as_service, check_segment);
    add("database", "MariaDB", Sees::as_service, check_database);
    add("galera", "MariaDB", Sees::as_service, check_galera);
    add("queue directory", "a queue_directory", Sees::as_root, check_queue_directory);
    add("log settings", "/etc", Sees::as_root,
        [&](CheckReport& to, const auto&) { check_log_settings(to, configuration, configuration_file(source)); });
    add("mail log", source_of_mail_log(configuration), Sees::as_service, check_mail_log);
    if (::getuid() == 0 && !configuration.mail_log.empty()) {
        system::forbid_dumps();  // this process prints what that part found
        add("busiest sender", source_of_mail_log(configuration), Sees::as_service, check_busiest_sender);
    }
    auto collectors = start_collectors(configuration);
    std::optional<PrintingPart> web_server;
    if (url)
        web_server.emplace("web server", *url,
                           start(configuration, Sees::as_service, [&](CheckReport& to) { check_web_server(to, *url); }),
                           k_time_for_web_server);

    if (token_file)
        add("token file", token_file->string() + " or MariaDB", Sees::as_root,
            [&](CheckReport& to, const auto&) { check_token_file(to, configuration, *token_file); });

    for (auto& part : parts) finish(report, part, began);
    check_collectors(report, configuration, collectors, began + k_time_for_part);
    if (web_server) finish(report, *web_server, began);
    return report.exit_code();
}

}  // namespace ceymail::doctor
