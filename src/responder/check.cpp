// SPDX-License-Identifier: MIT
#include <chrono>
#include <string>

#include <sysexits.h>
#include <unistd.h>

#include "ceymail/gate/plan_gate.hpp"
#include "ceymail/gate/segment.hpp"
#include "ceymail/process/exit_code.hpp"
#include "ceymail/process/privileges.hpp"
#include "ceymail/process/sources.hpp"
#include "check_parts.hpp"
#include "check_report.hpp"
#include "modes.hpp"

namespace ceymail::responder {

namespace {

using namespace std::chrono_literals;
using util::BootClock;
using util::Error;
using util::ErrorKind;

constexpr auto k_time_for_each = 5s;

void check_plan(CheckReport& report, const config::Configuration& configuration) {
    const std::string plan(config::to_string(configuration.plan));
    if (gate::may_export_metrics(configuration.plan)) return report.ok("plan", plan);
    report.bad("plan", plan + " does not export metrics: every request is answered 403; set plan = business or above");
}

void check_collectors(CheckReport& report, const config::Configuration& configuration) {
    for (const auto& collector : process::make_collectors(configuration)) {
        const auto part = "collector " + std::string(collector->name());
        const auto collected = collector->collect(BootClock::now() + k_time_for_each);
        if (collected) {
            report.ok(part);
        } else {
            report.bad(part, collected.error().message);
        }
    }
}

// Reading shows the schema and the grants to read, may_touch() those to write.
void check_database(CheckReport& report, const config::Configuration& configuration) {
    auto tokens = process::token_reader(configuration);
    const auto active = tokens.active(BootClock::now() + k_time_for_each);
    if (!active) return report.bad("database", active.error().message);
    const auto touched = tokens.may_touch(BootClock::now() + k_time_for_each);
    if (!touched) return report.bad("database", touched.error().message);
    report.ok("database");
    if (*active) return report.ok("token", "one is active");
    report.bad("token", "there is no active token: every request is answered 401; make one by ceymail-token generate");
}

std::string age_of_last_use(const gate::SegmentLayout& layout) {
    const std::chrono::nanoseconds written{layout.last_used_written_at.load()};
    if (written.count() == 0) return "no scrape since it was made";
    const auto age = BootClock::now().time_since_epoch() - written;
    return "last scrape noted " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) +
           " s ago";
}

void check_segment(CheckReport& report, const config::Configuration& configuration) {
    const auto& folder = configuration.runtime_directory;
    // RemoveIPC=yes (logind.conf(5)) touches nothing but /dev/shm and System V's IPC.
    if (folder.native().starts_with("/dev/shm"))
        return report.bad("segment", folder.string() +
                                         " is emptied by RemoveIPC=yes, and anyone may squat there: set "
                                         "runtime_directory = /run/ceymail-metrics");
    const auto segment = gate::Segment::open_existing(folder);
    if (segment) {
        report.ok("segment", age_of_last_use(segment->layout()));
        return check_clients(report, segment->layout());
    }
    if (segment.error().kind == ErrorKind::not_found)
        return report.ok("segment", "none in " + folder.string() + " yet: the responder makes it when it starts");
    report.bad("segment", segment.error().message);
}

}  // namespace

int check(const config::Configuration& configuration, const std::string& source,
          const std::optional<std::string>& url) {
    CheckReport report;
    report.ok("configuration", source);
    check_service(report, configuration);
    if (const auto done = process::become(configuration.user, process::Capability::dac_read_search); !done) {
        report.bad("user", done.error().message);
        return report.exit_code();
    }
    check_plan(report, configuration);
    check_segment(report, configuration);
    check_database(report, configuration);
    check_collectors(report, configuration);
    if (url) check_web_server(report, *url);
    return report.exit_code();
}

}  // namespace ceymail::responder
