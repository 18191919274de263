// SPDX-License-Identifier: MIT
// The console in a real browser: what it has drawn when it is done. Skipped where tests/support/browser finds none.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iostream>
#include <iterator>
#include <regex>
#include <set>

#include "support/demo.hpp"
#include "support/mariadb_server.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

// Empty: there is none.
const std::string& browser() {
    static const std::string s_path = [] {
        const auto found = run({.arguments = {source("tests/support/browser").string()}});
        std::cerr << found.errors;
        return found.output.substr(0, found.output.find('\n'));
    }();
    return s_path;
}

boost::test_tools::assertion_result there_is_a_browser(boost::unit_test::test_unit_id) { return !browser().empty(); }

// The page as it stands when its scripts have run for a while, from a profile of its own.
std::string drawn_page(const std::string& address) {
    const TemporaryDirectory profile;
    const auto opened =
        run({.arguments = {browser(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                           "--disable-background-networking", "--disable-component-update", "--disable-sync",
                           "--user-data-dir=" + profile.path().string(), "--window-size=1360,1000",
                           "--virtual-time-budget=5000", "--dump-dom", address}},
            60s);
    BOOST_TEST_REQUIRE(opened.status == 0, opened.errors);
    return opened.output;
}

std::vector<std::string> all_matches(const std::string& text, const std::string& expression) {
    const std::regex regex(expression);
    std::vector<std::string> found;
    for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match)
        found.push_back((*match)[1]);
    return found;
}

struct Figure {
    std::string title{};
    std::string inside{};
    long values = 0;  // as the page has counted them

    [[nodiscard]] bool has(std::string_view text) const { return inside.find(text) != std::string::npos; }
    // The miniature's Postfix refuses no mail and has no TLS, spamd, Fail2ban and lines of an unknown form.
    [[nodiscard]] bool may_be_empty() const {
        static const std::set<std::string> s_titles{"Rejects by reason", "TLS from clients", "TLS to other hosts",
                                                    "Spam verdicts",     "Bans by jail",     "Lines not understood"};
        return s_titles.contains(title);
    }
};

std::vector<Figure> figures(const std::string& page) {
    std::vector<Figure> found;
    for (auto at = page.find("<figure "); at != std::string::npos; at = page.find("<figure ", at + 1)) {
        Figure figure{.inside = page.substr(at, page.find("</figure>", at) - at)};
        const auto title = all_matches(figure.inside, "<figcaption>([^<]*)<");
        const auto values = all_matches(figure.inside, "data-values=\"([0-9]+)\"");
        if (!title.empty()) figure.title = title[0];
        if (!values.empty()) figure.values = std::stol(values[0]);
        found.push_back(figure);
    }
    return found;
}

// Once Prometheus has scraped for long enough to draw a line.
std::string settled_page() {
    const auto address = Demo::shared().prometheus() + "/consoles/ceymail.html?range=5m";
    std::string page;
    const auto has_settled = [&] {
        page = drawn_page(address);
        return std::ranges::all_of(figures(page),
                                   [](const Figure& figure) { return figure.values > 20 || figure.may_be_empty(); });
    };
    BOOST_TEST(eventually(has_settled, 60s));
    return page;
}

BOOST_AUTO_TEST_SUITE(console, *boost::unit_test::precondition(there_is_a_browser))

BOOST_AUTO_TEST_CASE(every_graph_has_lines_or_strips_with_data) {
    const auto page = settled_page();
    const auto all = figures(page);
    BOOST_TEST(all.size() == 30U);
    for (const auto& figure : all) {
        if (figure.may_be_empty()) continue;
        BOOST_TEST((figure.inside.find("<svg") != std::string::npos), figure.title);
        BOOST_TEST((figure.inside.find("data-error") == std::string::npos), figure.inside.substr(0, 400));
        const bool strips = figure.inside.find("data-strips") != std::string::npos;
        if (strips) {
            BOOST_TEST((all_matches(figure.inside, "(<rect class=\"line\")").size() >= 3U), figure.title);
            continue;
        }
        // A line is M x,y L x,y ...: one of many points, all of them on the paper.
        std::ptrdiff_t longest = 0;
        for (const auto& line : all_matches(figure.inside, "<path class=\"line\" d=\"([^\"]*)\"")) {
            longest = std::max<std::ptrdiff_t>(longest, std::ranges::count(line, 'L'));
            for (const auto& y : all_matches(line, ",(-?[0-9.]+)")) {
                BOOST_TEST(std::stod(y) >= 0, figure.title);
                BOOST_TEST(std::stod(y) <= 190, figure.title);
            }
        }
        BOOST_TEST(longest > 10, figure.title + " has no line");
    }
}

BOOST_AUTO_TEST_CASE(the_queues_rise_and_fall_and_a_stopped_service_is_red) {
    const auto page = settled_page();
    for (const auto& figure : figures(page)) {
        if (figure.title == "Mail queues") {
            std::vector<double> heights;
            for (const auto& y : all_matches(figure.inside, ",([0-9.]+)[L\"]")) heights.push_back(std::stod(y));
            BOOST_TEST_REQUIRE(!heights.empty());
            const auto [top, bottom] = std::ranges::minmax(heights);
            BOOST_TEST(bottom - top > 50);
        }
        if (figure.title == "Services") BOOST_TEST((figure.inside.find("fill=\"#d64541\"") != std::string::npos));
    }
    BOOST_TEST((page.find("<span class=\"missing\"") == std::string::npos));
}

BOOST_AUTO_TEST_CASE(an_empty_graph_of_what_the_host_does_not_have_says_why) {
    int empty = 0;
    for (const auto& figure : figures(settled_page())) {
        if (!figure.may_be_empty()) continue;
        BOOST_TEST(!figure.has("data-error"), figure.inside);
        if (figure.values > 0) continue;
        ++empty;
        BOOST_TEST(!figure.has("<svg"), figure.title);
        const auto reason = all_matches(figure.inside, "<p class=\"note\">([^<]+)");
        BOOST_TEST((reason.size() == 1 && reason[0].size() > 10), figure.inside);
    }
    BOOST_TEST(empty > 0);
}

BOOST_AUTO_TEST_CASE(a_firing_alert_says_what_it_means) {
    // The load leaves held messages behind.
    BOOST_TEST((settled_page().find("wait for a person<small>") != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::testing
