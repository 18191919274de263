// SPDX-License-Identifier: MIT
// What is said of services, from what systemd and the links of enabled units say.
#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "ceymail/collect/services_collector.hpp"
#include "ceymail/collect/systemd_units.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail::collect;
using namespace std::chrono_literals;
using ceymail::testing::TemporaryDirectory;

namespace ceymail::collect {

std::ostream& boost_test_print_type(std::ostream& out, ServiceState state) {
    return out << (state == ServiceState::absent ? "absent" : state == ServiceState::up ? "up" : "down");
}

}  // namespace ceymail::collect

namespace {

const UnitState k_running{"loaded", "active", "running"};
const UnitState k_exited{"loaded", "active", "exited"};
const UnitState k_dead{"loaded", "inactive", "dead"};
const UnitState k_failed{"loaded", "failed", "failed"};
const UnitState k_missing{"not-found", "inactive", "dead"};
const UnitState k_masked{"masked", "inactive", "dead"};

constexpr auto up = ServiceState::up;
constexpr auto down = ServiceState::down;
constexpr auto absent = ServiceState::absent;

std::vector<std::string> names_of(const Families& families) {
    std::vector<std::string> names;
    for (const auto& sample : families.at(0).samples) names.push_back(sample.labels.at(0).second);
    return names;
}

void enable(const TemporaryDirectory& root, const std::string& directory, const std::string& unit) {
    std::filesystem::create_directories(root / directory);
    std::filesystem::create_symlink("/usr/lib/systemd/system/" + unit, root / directory / unit);
}

// The states of nginx and Apache as told, with the given ones enabled.
std::pair<ServiceState, ServiceState> web_servers(ServiceState nginx, ServiceState apache,
                                                  const std::vector<std::string>& enabled) {
    const std::vector<Service> services{
        {"nginx", {}, {}, Listed::as_web_server}, {"mariadb", {}, {}}, {"apache", {}, {}, Listed::as_web_server}};
    const auto states = only_listed(services, {nginx, down, apache}, [&](const Service& service) {
        return std::find(enabled.begin(), enabled.end(), service.name) != enabled.end();
    });
    BOOST_TEST(states[1] == down);
    return {states[0], states[2]};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(services)

BOOST_AUTO_TEST_CASE(a_unit_is_up_when_it_is_active_or_reloading_and_runs) {
    struct Case {
        const char* label;
        UnitState unit;
        ServiceState want;
    };
    for (const auto& [label, unit, want] : std::vector<Case>{
             {"running", k_running, up},
             {"exited oneshot", k_exited, down},
             {"stopped", k_dead, down},
             {"failed", k_failed, down},
             {"starting", {"loaded", "activating", "start"}, down},
             {"waiting for its restart", {"loaded", "activating", "auto-restart"}, down},
             {"reloading", {"loaded", "reloading", "reload"}, up},
             {"reloading by a signal", {"loaded", "reloading", "reload-signal"}, up},
             {"reloading, to be told of", {"loaded", "reloading", "reload-notify"}, up},
             {"taking up extensions", {"loaded", "refreshing", "refresh-extensions"}, up},
             {"reloading without a process", {"loaded", "reloading", "dead"}, down},
             {"stopping", {"loaded", "deactivating", "stop-sigterm"}, down},
             {"running of another kind of state", {"loaded", "inactive", "running"}, down},
             {"not installed", k_missing, absent},
             {"masked", k_masked, absent},
             {"masked while it ran", {"masked", "active", "running"}, up},
             {"masked, reloading", {"masked", "reloading", "reload"}, up},
             {"masked while it failed", {"masked", "failed", "failed"}, absent},
             {"unit file removed while it ran", {"not-found", "active", "running"}, up},
             {"unit file broken while it ran", {"bad-setting", "active", "running"}, up},
             {"unit file broken", {"error", "inactive", "dead"}, down},
             {"nothing known", {"", "", ""}, absent},
         }) {
        BOOST_TEST_CONTEXT(label) { BOOST_TEST(state_of_units({"x.service"}, {unit}) == want); }
    }
}

BOOST_AUTO_TEST_CASE(the_first_loaded_unit_counts) {
    const std::vector<std::string> names{"mariadb.service", "mysql.service", "mysqld.service"};
    BOOST_TEST(state_of_units(names, {k_running, k_missing, k_missing}) == up);
    BOOST_TEST(state_of_units(names, {k_missing, k_running, k_missing}) == up);
    BOOST_TEST(state_of_units(names, {k_masked, k_missing, k_dead}) == down);
    BOOST_TEST(state_of_units(names, {k_dead, k_running, k_running}) == down);
    BOOST_TEST(state_of_units(names, {k_missing, k_missing, k_missing}) == absent);
}

BOOST_AUTO_TEST_CASE(postfix_is_its_instance_and_never_the_oneshot_that_stands_for_all) {
    struct Case {
        const char* label;
        UnitState instance, whole;
        ServiceState want;
    };
    const std::vector<std::string> names{"postfix@-.service", "postfix.service"};
    for (const auto& [label, instance, whole, want] : std::vector<Case>{
             {"Debian 12, runs", k_running, k_exited, up},
             {"Debian 12, its master killed", k_dead, k_exited, down},
             {"Debian 12, failed", k_failed, k_exited, down},
             {"Debian 12, stopped", k_dead, k_dead, down},
             {"Debian 13, runs: the template is there, its instance is not used", k_dead, k_running, up},
             {"Debian 13, stopped", k_dead, k_dead, down},
             {"no template", k_missing, k_running, up},
             {"no template, exited", k_missing, k_exited, down},
             {"not installed", k_missing, k_missing, absent},
         }) {
        BOOST_TEST_CONTEXT(label) { BOOST_TEST(state_of_units(names, {instance, whole}) == want); }
    }
}

BOOST_AUTO_TEST_CASE(every_enabled_instance_of_postfix_must_run) {
    struct Case {
        const char* label;
        UnitState first, second, whole;
        std::optional<ServiceState> want;
    };
    const std::vector<std::string> names{"postfix@-.service", "postfix@out.service", "postfix.service"};
    for (const auto& [label, first, second, whole, want] : std::vector<Case>{
             {"Debian 12, both run", k_running, k_running, k_exited, up},
             {"Debian 12, the first is dead", k_dead, k_running, k_exited, down},
             {"Debian 12, the second is dead", k_running, k_dead, k_exited, down},
             {"the second stays active without a process", k_running, k_exited, k_exited, down},
             {"the second reloads", k_running, {"loaded", "reloading", "reload"}, k_exited, up},
             {"the one that stands for all reloads", k_running, k_running, {"loaded", "reloading", "reload"}, up},
             {"Debian 13, both run", k_missing, k_running, k_running, up},
             {"Debian 13, its own is dead", k_missing, k_running, k_dead, down},
             {"Debian 13, its own failed", k_missing, k_running, k_failed, down},
             {"the second is masked", k_running, k_masked, k_exited, up},
             {"links are left of what is removed", k_missing, k_missing, k_missing, std::nullopt},
             {"no instance, only the whole", k_missing, k_masked, k_running, std::nullopt},
         }) {
        BOOST_TEST_CONTEXT(label) { BOOST_TEST((state_of_enabled(names, {first, second, whole}) == want)); }
    }
    BOOST_TEST((state_of_enabled({}, {}) == std::nullopt));
}

BOOST_AUTO_TEST_CASE(every_enabled_unit_of_a_pattern_must_run_but_those_that_have_done_their_work) {
    struct Case {
        const char* label;
        UnitState first, second;
        std::optional<ServiceState> want;
    };
    const std::vector<std::string> names{"php8.1-fpm.service", "php8.3-fpm.service"};
    for (const auto& [label, first, second, want] : std::vector<Case>{
             {"both run", k_running, k_running, up},
             {"one is dead", k_running, k_dead, down},
             {"one failed", k_failed, k_running, down},
             {"one is removed", k_missing, k_running, up},
             {"one is masked", k_running, k_masked, up},
             {"both are removed", k_missing, k_missing, std::nullopt},
             {"one prepares the other", k_exited, k_running, up},
             {"one has prepared the other, which is dead", k_exited, k_dead, down},
             {"none has a process", k_exited, k_exited, down},
         }) {
        BOOST_TEST_CONTEXT(label) { BOOST_TEST((state_of_enabled(names, {first, second}) == want)); }
    }
}

BOOST_AUTO_TEST_CASE(an_entry_takes_the_place_of_a_known_service_or_comes_last) {
    auto services = with_entries(known_services("", ""), {{"nginx", {"openresty.service", "web@*.service"}, {"nginx"}},
                                                          {"redis", {"redis.service"}, {"redis-server"}}});
    BOOST_TEST(services.size() == known_services("", "").size() + 1);
    const auto nginx = std::ranges::find(services, "nginx", &Service::name);
    BOOST_TEST((nginx - services.begin() == 7));
    BOOST_TEST((nginx->listed == Listed::always));
    BOOST_TEST(nginx->units == std::vector<std::string>{"openresty.service"}, boost::test_tools::per_element());
    BOOST_TEST(nginx->patterns == std::vector<std::string>{"web@*.service"}, boost::test_tools::per_element());
    BOOST_TEST(services.back().name == "redis");
    find_enabled(services, {"redis.service", "web@a.service", "web@b.service", "web.service"});
    BOOST_TEST(nginx->enabled == (std::vector<std::string>{"web@a.service", "web@b.service"}),
               boost::test_tools::per_element());
    std::set<std::string> many;
    for (int i = 0; i < 100; ++i) many.insert("web@" + std::to_string(i) + ".service");
    find_enabled(services, many);
    BOOST_TEST(nginx->enabled.size() == 64U);
}

BOOST_AUTO_TEST_CASE(a_unit_that_reloads_for_more_than_two_minutes_is_down) {
    ReloadWatch watch;
    const ceymail::util::BootTime start{1h};
    const auto seen = [&](const UnitState& unit, std::chrono::seconds after) {
        UnitState looked_at = unit;
        watch.update("x.service", looked_at, start + after);
        return state_of_units({"x.service"}, {looked_at});
    };
    const UnitState reloading{"loaded", "reloading", "reload"};
    BOOST_TEST(seen(reloading, 0s) == up);
    BOOST_TEST(seen(reloading, 120s) == up);
    BOOST_TEST(seen(reloading, 121s) == down);
    BOOST_TEST(seen({"loaded", "reloading", "reload-notify"}, 122s) == down);  // the same reload, a step further
    BOOST_TEST(seen(k_running, 130s) == up);
    BOOST_TEST(seen(reloading, 140s) == up);  // another one
    BOOST_TEST(seen(reloading, 260s) == up);
    BOOST_TEST(seen(reloading, 261s) == down);
    BOOST_TEST(seen({"loaded", "activating", "start"}, 262s) == down);
}

BOOST_AUTO_TEST_CASE(a_unit_that_reloads_without_a_process_is_down) {
    ReloadWatch watch;
    for (UnitState unit : {k_exited, UnitState{"loaded", "reloading", "reload"}, k_exited}) {
        watch.update("postfix.service", unit, ceymail::util::BootTime{1h});
        BOOST_TEST(state_of_units({"postfix.service"}, {unit}) == down);
    }
}

BOOST_AUTO_TEST_CASE(enabled_units_of_postfix_are_found_in_every_directory_of_links) {
    const TemporaryDirectory root;
    const auto enabled = [&] {
        auto services = known_services("", "");
        find_enabled(services, enabled_units(root.path()));
        return services.front().enabled;
    };
    BOOST_TEST(enabled().empty());
    enable(root, "run/systemd/generator/postfix.service.wants", "postfix@-.service");
    enable(root, "run/systemd/generator/postfix.service.wants", "postfix@out.service");
    enable(root, "etc/systemd/system/multi-user.target.wants", "postfix.service");
    enable(root, "etc/systemd/system/multi-user.target.wants", "postfix@out.service");
    enable(root, "etc/systemd/system/mail.target.requires", "postfix@in.service");
    enable(root, "etc/systemd/system/mail.target.requires", "postfix@.service");
    enable(root, "etc/systemd/system/mail.target.requires", "postfix@x y.service");
    enable(root, "etc/systemd/system/mail.target.requires", "postfix-exporter.service");
    enable(root, "etc/systemd/system", "postfix@unused.service");
    BOOST_TEST(enabled() == (std::vector<std::string>{"postfix.service", "postfix@-.service", "postfix@in.service",
                                                      "postfix@out.service"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_name_that_systemd_would_refuse_is_not_asked_for) {
    for (const auto* good : {"a.service", "postfix@-.service", "my_filter:1.2-x.service", "a\\x2db.service"}) {
        BOOST_TEST(is_service_unit_name(good), good);
    }
    const std::string too_long = std::string(248, 'a') + ".service";
    for (const std::string& bad :
         {std::string{}, std::string{".service"}, std::string{"a"}, std::string{"a.socket"}, std::string{"a@.service"},
          std::string{"@a.service"}, std::string{"a b.service"}, std::string{"a/b.service"}, std::string{"ä.service"},
          std::string{"a\n.service"}, too_long}) {
        BOOST_TEST(!is_service_unit_name(bad), bad);
    }
}

BOOST_AUTO_TEST_CASE(the_only_installed_web_server_is_told_of_enabled_or_not) {
    BOOST_TEST((web_servers(down, absent, {}) == std::pair{down, absent}));
    BOOST_TEST((web_servers(absent, up, {"nginx"}) == std::pair{absent, up}));
    BOOST_TEST((web_servers(absent, absent, {"nginx"}) == std::pair{absent, absent}));
}

BOOST_AUTO_TEST_CASE(of_two_web_servers_the_enabled_one_is_told_of) {
    BOOST_TEST((web_servers(up, down, {"nginx"}) == std::pair{up, absent}));
    BOOST_TEST((web_servers(down, up, {"nginx"}) == std::pair{down, absent}));
    BOOST_TEST((web_servers(up, down, {"apache"}) == std::pair{absent, down}));
    BOOST_TEST((web_servers(up, down, {"nginx", "apache"}) == std::pair{up, down}));
    BOOST_TEST((web_servers(down, up, {}) == std::pair{down, up}));
}

BOOST_AUTO_TEST_CASE(the_filter_is_told_of_only_if_it_is_enabled) {
    const auto services = known_services("filter.service", "filter");
    ServiceStates states(services.size(), up);
    const auto told = [&](bool enabled) {
        return only_listed(services, states,
                           [&](const Service& service) { return service.name != "ceymail-ai-filter" || enabled; })
            .back();
    };
    BOOST_TEST(told(true) == up);
    BOOST_TEST(told(false) == absent);
    states.back() = down;
    BOOST_TEST(told(true) == down);
}

BOOST_AUTO_TEST_CASE(a_unit_is_enabled_by_a_link_in_a_directory_of_wants) {
    const TemporaryDirectory root;
    BOOST_TEST(enabled_units(root.path()).empty());  // there is not even the directory
    enable(root, "etc/systemd/system/multi-user.target.wants", "a.service");
    enable(root, "etc/systemd/system/b.target.requires", "b.service");
    enable(root, "run/systemd/system/multi-user.target.wants", "c.service");
    enable(root, "run/systemd/generator.late/multi-user.target.wants", "h.service");  // of a script in /etc/init.d
    enable(root, "etc/systemd/system", "d.service");                                  // an alias alone starts nothing
    enable(root, "etc/systemd/system/x.service.d", "e.service");
    root.write("etc/systemd/system/multi-user.target.wants/f.service", "");  // no link
    for (const auto* unit : {"a.service", "b.service", "c.service", "h.service"})
        BOOST_TEST(enabled_units(root.path()).contains(unit));
    for (const auto* unit : {"d.service", "e.service", "f.service", "g.service", ""}) {
        BOOST_TEST(!enabled_units(root.path()).contains(unit), unit);
    }
}

BOOST_AUTO_TEST_CASE(systemd_runs_where_its_directory_is) {
    const TemporaryDirectory root;
    BOOST_TEST(!systemd_runs(root.path()));
    std::filesystem::create_directories(root / "run/systemd/seats");  // elogind makes that too
    BOOST_TEST(!systemd_runs(root.path()));
    std::filesystem::create_directories(root / "run/systemd/system");
    BOOST_TEST(systemd_runs(root.path()));
}

BOOST_AUTO_TEST_CASE(the_family_names_what_is_installed_in_a_fixed_order) {
    const auto services = known_services("filter.service", "filter");
    const StartTimes unknown(services.size());
    const auto all = service_families(services, ServiceStates(services.size(), up), unknown);
    BOOST_TEST(all.at(0).name == "ceymail_service_up");
    BOOST_TEST((all.at(0).type == ceymail::exposition::MetricType::gauge));
    const std::vector<std::string> want{
        "postfix", "dovecot", "opendkim", "mariadb", "unbound",  "spamassassin",      "spamass-milter",
        "nginx",   "apache",  "php-fpm",  "rsyslog", "fail2ban", "ceymail-dashboard", "ceymail-ai-filter"};
    BOOST_TEST(names_of(all) == want, boost::test_tools::per_element());

    ServiceStates some(services.size(), absent);
    some[3] = down;
    some[10] = up;
    StartTimes starts(services.size());
    starts[10] = std::chrono::microseconds{1'764'283'000'123'456};
    const auto families = service_families(services, some, starts);
    BOOST_TEST(families.at(1).name == "ceymail_service_start_time_seconds");
    BOOST_TEST(families.at(1).samples.size() == 1U);
    BOOST_TEST((families.at(1).samples.at(0).labels == families.at(0).samples.at(1).labels));
    BOOST_TEST(std::get<double>(families.at(1).samples.at(0).value) == 1764283000.123456);
    BOOST_TEST(all.at(1).samples.empty());
    BOOST_TEST(names_of(families) == (std::vector<std::string>{"mariadb", "rsyslog"}),
               boost::test_tools::per_element());
    BOOST_TEST(std::get<std::uint64_t>(families.at(0).samples.at(0).value) == 0U);
    BOOST_TEST(std::get<std::uint64_t>(families.at(0).samples.at(1).value) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
