// SPDX-License-Identifier: MIT
// The settings page as it is rendered in every state.
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/page/collectors_view.hpp"
#include "ceymail/page/page_model.hpp"
#include "ceymail/util/time_format.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::page;

constexpr std::uint64_t k_now = 1'795'356'000;  // 2026-11-22 14:00 UTC

const config::Configuration k_site = [] {
    config::Configuration site;
    site.settings_path = "/s";
    return site;
}();

PageModel model(const config::Configuration& site = k_site) {
    PageModel shown{.configuration = site, .user = "amal", .host = "mail.example.org", .now = k_now};
    shown.history.emplace();
    shown.generate_csrf = "seal-g";
    shown.revoke_csrf = "seal-r";
    return shown;
}

PageModel with_token(std::optional<std::uint64_t> used) {
    auto shown = model();
    shown.token = database::TokenStatus{7, k_now - 3 * 86400, "bimali", used};
    return shown;
}

bool has(const PageModel& shown, const std::string& text) {
    return render(shown).text().find(text) != std::string::npos;
}

BOOST_AUTO_TEST_SUITE(page_model)

BOOST_AUTO_TEST_CASE(offers_to_generate_where_there_is_no_token) {
    BOOST_TEST(has(model(), "No token is active"));
    BOOST_TEST(has(model(), "name=\"seal\" value=\"seal-g\""));
    BOOST_TEST(!has(model(), "seal-r"));
}

BOOST_AUTO_TEST_CASE(asks_for_confirmation_before_a_token_is_lost) {
    auto shown = with_token(k_now - 20);
    BOOST_TEST(has(shown, "/s?confirm=generate"));
    BOOST_TEST(has(shown, "/s?confirm=revoke"));
    BOOST_TEST(!has(shown, "<form"));
    shown.confirm = Action::generate;
    BOOST_TEST(has(shown, "seal-g"));
    BOOST_TEST(!has(shown, "seal-r"));
    shown.confirm = Action::revoke;
    BOOST_TEST(has(shown, "seal-r"));
    BOOST_TEST(!has(shown, "seal-g"));
}

BOOST_AUTO_TEST_CASE(shows_creator_and_last_use) {
    const auto shown = with_token(k_now - 180);
    BOOST_TEST(has(shown, "bimali"));
    BOOST_TEST(has(shown, "19 November 2026, 14:00 UTC"));
    BOOST_TEST(has(shown, "3 days ago"));
    BOOST_TEST(has(shown, "3 minutes ago"));
    BOOST_TEST(!has(shown, "notice warning"));
}

BOOST_AUTO_TEST_CASE(warns_without_recent_scrapes) {
    BOOST_TEST(has(with_token({}), "has not used this token yet"));
    BOOST_TEST(!has(with_token(k_now - 300), "more than 5 minutes"));
    BOOST_TEST(has(with_token(k_now - 301), "more than 5 minutes"));
    BOOST_TEST(!has(with_token(k_now + 60), "more than 5 minutes"));  // the database's clock may be ahead
}

BOOST_AUTO_TEST_CASE(shows_a_fresh_token_and_no_warning) {
    auto shown = with_token({});
    shown.fresh_token = "ceymail_abc";
    BOOST_TEST(has(shown, "value=\"ceymail_abc\""));
    BOOST_TEST(!has(shown, "notice warning"));
    shown.token_may_linger = true;
    BOOST_TEST(has(shown, "could not be told"));
}

BOOST_AUTO_TEST_CASE(names_the_plan_that_is_needed_and_still_lets_revoke) {
    auto low = k_site;
    low.plan = config::Plan::professional;
    auto shown = model(low);
    BOOST_TEST(has(shown, "needs the Business plan or above"));
    BOOST_TEST(has(shown, "professional"));
    BOOST_TEST(!has(shown, "<form"));
    shown.token = database::TokenStatus{7, k_now, {}, {}};
    BOOST_TEST(!has(shown, "confirm=generate"));
    BOOST_TEST(has(shown, "confirm=revoke"));
}

BOOST_AUTO_TEST_CASE(names_the_plans_where_the_configuration_names_none) {
    auto site = k_site;
    site.plan = config::Plan::unknown;
    const auto shown = model(site);
    BOOST_TEST(has(shown, "one of free, starter, pro, professional, business, enterprise"));
    BOOST_TEST(!has(shown, "unknown plan"));
    BOOST_TEST(!has(shown, "<form"));
}

BOOST_AUTO_TEST_CASE(shows_no_token_state_without_the_database) {
    auto shown = model();
    shown.database_error = "MariaDB at /x: <gone>";
    BOOST_TEST(has(shown, "MariaDB at /x: &lt;gone&gt;"));
    BOOST_TEST(!has(shown, "No token is active"));
    BOOST_TEST(!has(shown, "<form"));
    BOOST_TEST(has(shown, "prometheus.yml"));
}

BOOST_AUTO_TEST_CASE(shows_the_remedy_for_a_failing_collector) {
    auto shown = model();
    shown.collectors = {
        {"cpu", snapshot::Health::works, 75, {}},
        {"queue", snapshot::Health::fails, 7200, "cannot list <it>: no; give `the` right; `then` restart`"},
        {"tea", snapshot::Health::waits, 0, {}}};
    BOOST_TEST(has(shown, "1 of 3 failing"));
    BOOST_TEST(has(shown, "<strong>Mail queue</strong><span class=\"badge bad\">Failing"));
    BOOST_TEST(has(shown, "<p>Cannot list &lt;it&gt;: no</p>"));
    BOOST_TEST(has(shown, "to do:</strong> give <code>the</code> right; <code>then</code> restart`</p>"));
    BOOST_TEST(has(shown, "22 November 2026, 12:00 UTC (<time datetime=\"2026-11-22T12:00:00Z\">"));
    BOOST_TEST(has(shown, "<strong>Processor</strong><span class=\"badge on\">Working"));
    BOOST_TEST(has(shown, "1 minute ago"));
    BOOST_TEST(has(shown, "<strong>tea</strong><span class=\"badge off\">No answer yet"));
    const auto text = render(shown).text();
    BOOST_TEST(text.find("Mail queue") < text.find("Processor"));
}

BOOST_AUTO_TEST_CASE(says_that_all_collectors_work_only_where_all_do) {
    auto shown = model();
    shown.collectors = {{"cpu", snapshot::Health::works, 1, {}}};
    BOOST_TEST(has(shown, "All working"));
    shown.collectors->push_back({"disk", snapshot::Health::waits, 0, {}});
    BOOST_TEST(!has(shown, "All working"));
    BOOST_TEST(!has(shown, "failing</span>"));
    shown.collectors = util::fail(util::ErrorKind::unavailable, "cannot ask; start it");
    BOOST_TEST(has(shown, "does not say how they fare"));
    BOOST_TEST(has(shown, "<strong>What to do:</strong> start it</p>"));
    BOOST_TEST(!has(shown, "All working"));
}

BOOST_AUTO_TEST_CASE(escapes_every_stored_text) {
    const std::string attack = "\"'><script>alert(1)</script>&{}";
    auto site = k_site;
    site.path = "/" + attack;
    site.settings_dashboards = "https://" + attack;
    auto shown = model(site);
    shown.user = attack;
    shown.host = attack;
    shown.fresh_token = attack;
    shown.generate_csrf = shown.revoke_csrf = attack;
    shown.token = database::TokenStatus{7, k_now, attack, {}};
    shown.history = {{k_now, attack, attack, attack, attack}};
    shown.collectors = {{attack, snapshot::Health::fails, 1, attack + "; " + attack}};
    for (const auto confirm :
         {std::optional<Action>(), std::optional(Action::generate), std::optional(Action::revoke)}) {
        shown.confirm = confirm;
        const auto text = render(shown).text();
        BOOST_TEST(text.find("<script>") == std::string::npos);
        BOOST_TEST(text.find("alert(1)") != std::string::npos);
        BOOST_TEST(text.find("\"'>") == std::string::npos);
    }
    shown.database_error = attack;
    shown.collectors = util::fail(util::ErrorKind::unavailable, attack + "; " + attack);
    BOOST_TEST(!has(shown, "<script>"));
    BOOST_TEST(render(k_site, Message{400, attack, attack, attack}).text().find("<script>") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(writes_a_configuration_to_paste) {
    const auto text = prometheus_configuration("mail.example.org:8443", "/it's");
    BOOST_TEST(text.find("targets: ['mail.example.org:8443']") != std::string::npos);
    BOOST_TEST(text.find("metrics_path: '/it''s'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(formats_times) {
    BOOST_TEST(util::utc_time(k_now) == "2026-11-22T14:00:00Z");
    BOOST_TEST(util::long_utc_time(0) == "1 January 1970, 00:00 UTC");
    const struct {
        std::uint64_t age;
        const char* words;
    } cases[] = {{0, "just now"},          {9, "just now"},      {10, "10 seconds ago"}, {60, "1 minute ago"},
                 {3599, "59 minutes ago"}, {3600, "1 hour ago"}, {86400, "1 day ago"},   {200000, "2 days ago"}};
    for (const auto& c : cases) BOOST_TEST(util::relative_time(k_now - c.age, k_now, k_just_now_seconds) == c.words);
    BOOST_TEST(util::relative_time(k_now + 5, k_now, k_just_now_seconds) == "just now");
    BOOST_TEST(util::long_utc_time(UINT64_MAX) == "31 December 9999, 23:59 UTC");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
