// SPDX-License-Identifier: MIT
// The settings page of the miniature, through nginx with TLS and a password: the shipped files, as they are.
#include <fstream>
#include <regex>
#include <string>

#include <boost/test/unit_test.hpp>

#include <openssl/evp.h>

#include "support/miniature.hpp"

using namespace ceymail::testing;

namespace {

std::string line(const std::string& file) {
    auto text = slurp(Miniature::shared().directory() / file);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
}

std::string base64(const std::string& text) {
    std::string encoded(text.size() * 2 + 4, '\0');
    const int size =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                        reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
    encoded.resize(static_cast<std::size_t>(size));
    return encoded;
}

HttpRequest request(const std::string& query = "") {
    auto asked = Miniature::shared().anonymous_request();
    asked.url = line("settings-url") + query;
    asked.headers = {"Authorization: Basic " + base64("admin:" + line("settings-password"))};
    return asked;
}

std::string found(const std::string& text, const char* pattern) {
    std::smatch match;
    return std::regex_search(text, match, std::regex(pattern)) ? match[1].str() : "";
}

HttpAnswer post(const std::string& body, const std::string& header = "Sec-Fetch-Site: same-origin") {
    auto asked = request();
    asked.method = "POST";
    asked.headers.push_back("Content-Type: application/x-www-form-urlencoded");
    asked.headers.push_back(header);
    asked.body = body;
    return fetch(asked);
}

std::string seal(const std::string& query) {
    return found(fetch(request(query)).body, "name=\"seal\" value=\"([^\"]+)\"");
}

long scraped(const std::string& token) {
    auto asked = Miniature::shared().anonymous_request();
    asked.headers = {"Authorization: Bearer " + token};
    return fetch(asked).status;
}

BOOST_AUTO_TEST_SUITE(settings_page)

BOOST_AUTO_TEST_CASE(makes_the_token_that_scrapes_and_shows_it_once) {
    const auto& miniature = Miniature::shared();
    const auto before = miniature.token();
    const auto sent = post("action=generate&seal=" + seal("?confirm=generate"));
    BOOST_TEST_REQUIRE(sent.status == 303, sent.body);
    auto next = request();
    next.headers.push_back("Cookie: other=1; " + found(sent.header("set-cookie"), "^([^;]+)"));
    const auto token = found(fetch(next).body, "value=\"(ceymail_metrics_[A-Za-z0-9_-]{43})\"");
    BOOST_TEST_REQUIRE(token != "");
    std::ofstream(miniature.directory() / "token") << token << "\n";  // for the tests after this one
    BOOST_TEST(scraped(token) == 200);
    BOOST_TEST(scraped(before) == 401);
    BOOST_TEST(fetch(next).body.find(token) == std::string::npos);
    BOOST_TEST(found(fetch(request()).body, "(made by admin, replaces token)") != "");
}

BOOST_AUTO_TEST_CASE(tells_how_each_collector_fares) {
    const auto shown = fetch(request());
    BOOST_TEST(shown.status == 200);
    for (const std::string name : {"Processor", "Memory", "Disk", "Mail queue", "Services", "Accounts"})
        BOOST_TEST(shown.body.find("<strong>" + name + "</strong><span class=\"badge on\">Working") != shown.body.npos,
                   name << " in: " << shown.body);
}

BOOST_AUTO_TEST_CASE(lets_nobody_in_who_has_no_password) {
    auto asked = request();
    asked.headers = {};
    BOOST_TEST(fetch(asked).status == 401);
    asked.headers = {"Authorization: Basic " + base64("admin:guess")};
    BOOST_TEST(fetch(asked).status == 401);
    asked.headers = {"Remote-User: admin", "X-Remote-User: admin", "REMOTE_USER: admin"};
    BOOST_TEST(fetch(asked).status == 401);
}

BOOST_AUTO_TEST_CASE(refuses_what_another_site_sends) {
    const auto body = "action=generate&seal=" + seal("?confirm=generate");
    BOOST_TEST(post(body, "Origin: https://evil.example").status == 403);
    BOOST_TEST(post(body, "Sec-Fetch-Site: cross-site").status == 403);
    BOOST_TEST(post(body + "&x=" + std::string(1'000'000, 'x')).status == 413);
    BOOST_TEST(scraped(Miniature::shared().token()) == 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
