// SPDX-License-Identifier: MIT
// The installer's memory, /etc/ceymail.conf.
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/site/ceymail_conf.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::site;

BOOST_AUTO_TEST_SUITE(ceymail_conf)

BOOST_AUTO_TEST_CASE(reads_domain_and_web_server) {
    const struct {
        const char* label;
        const char* in;
        WebServer server;
    } table[] = {
        {"plain", "MAIL_DOMAIN=m.example\nDASHBOARD_DOMAIN=Dash.Example.org\nWEB_SERVER=nginx\n", WebServer::nginx},
        {"quoted", "DASHBOARD_DOMAIN=\"dash.example.org\"\nWEB_SERVER='apache2'\n", WebServer::apache},
        {"exported, with blanks, CRLF", "export DASHBOARD_DOMAIN=dash.example.org \r\n  WEB_SERVER=apache2\r\n",
         WebServer::apache},
        {"the last of two", "DASHBOARD_DOMAIN=x\nWEB_SERVER=nginx\nDASHBOARD_DOMAIN=dash.example.org\n",
         WebServer::nginx},
        {"no last line end", "WEB_SERVER=nginx\nDASHBOARD_DOMAIN=dash.example.org", WebServer::nginx},
        {"comments behind the values", "DASHBOARD_DOMAIN=dash.example.org # 'a'\nWEB_SERVER=\"nginx\"\t# or apache2\n",
         WebServer::nginx},
        {"comments and others",
         "# DASHBOARD_DOMAIN=no\nXDASHBOARD_DOMAIN=no\nDASHBOARD_DOMAIN=dash.example.org\nWEB_SERVER=nginx",
         WebServer::nginx},
    };
    for (const auto& row : table) {
        const auto conf = parse_ceymail_conf(row.in, "f");
        BOOST_TEST_REQUIRE(conf.has_value(), row.label << (conf ? "" : conf.error().message));
        BOOST_TEST(conf->dashboard_domain == "dash.example.org", row.label);
        BOOST_TEST((conf->web_server == row.server), row.label);
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_leads_to_no_site) {
    const struct {
        const char* label;
        const char* in;
        const char* words;
    } table[] = {
        {"empty", "", "f has no DASHBOARD_DOMAIN"},
        {"no web server", "DASHBOARD_DOMAIN=a.example\n", "f has no WEB_SERVER"},
        {"another web server", "DASHBOARD_DOMAIN=a.example\nWEB_SERVER=caddy\n", "neither nginx nor apache2: caddy"},
        {"a path", "DASHBOARD_DOMAIN=../../passwd\nWEB_SERVER=nginx\n", "is no host name: ../../passwd"},
        {"a # in the value", "DASHBOARD_DOMAIN=a#b\nWEB_SERVER=nginx\n", "is no host name: a#b"},
        {"a # in quotes", "DASHBOARD_DOMAIN='a # b'\nWEB_SERVER=nginx\n", "is no host name: a # b"},
        {"a quote that does not end", "DASHBOARD_DOMAIN='a # b\nWEB_SERVER=nginx\n", "is no host name: 'a # b"},
        {"a command", "DASHBOARD_DOMAIN=$(reboot)\nWEB_SERVER=nginx\n", "is no host name: $(reboot)"},
        {"only a dot", "DASHBOARD_DOMAIN=.\nWEB_SERVER=nginx\n", "is no host name"},
        {"blanks around =", "DASHBOARD_DOMAIN = a.example\nWEB_SERVER=nginx\n", "has no DASHBOARD_DOMAIN"},
    };
    for (const auto& row : table) {
        const auto conf = parse_ceymail_conf(row.in, "f");
        BOOST_TEST_REQUIRE(!conf.has_value(), row.label);
        BOOST_TEST(conf.error().message.find(row.words) != std::string::npos,
                   row.label << ": " << conf.error().message);
        BOOST_TEST(conf.error().message.find("--site") != std::string::npos, row.label);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
