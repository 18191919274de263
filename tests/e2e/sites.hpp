// SPDX-License-Identifier: MIT
// Sites: what the tests of sites around the endpoint share. One responder, whose answers are known by their header, and
// one web server with a virtual host for each case.
#pragma once

#include <filesystem>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "support/http_client.hpp"
#include "support/live_responder.hpp"
#include "support/miniature.hpp"
#include "support/web_server.hpp"

namespace ceymail::testing {

inline constexpr const char* k_endpoint = "/api/stats/metrics";
inline constexpr const char* k_settings_page = "/settings/security/prometheus-metrics";

inline std::string replaced(std::string text, const std::string& pattern, const std::string& instead) {
    BOOST_TEST_REQUIRE(std::regex_search(text, std::regex(pattern)), "no " << pattern);
    return std::regex_replace(text, std::regex(pattern), instead);
}

// Shared by the cases of a suite. The settings files are led to the metrics responder, too: it answers their paths
// with 404 and its header, which shows what the web server lets through.
class Sites {
public:
    Sites() : token(responder.generate()) {
        namespace fs = std::filesystem;
        fs::permissions(responder.directory() / "socket", fs::perms{0666});
        const auto hashed = run({.arguments = {"openssl", "passwd", "-apr1", "password"}}).output;
        directory.write("users", "admin:" + hashed);
        const auto others = run({.arguments = {"openssl", "passwd", "-apr1", "elsewhere"}}).output;
        directory.write("site-users", "admin:" + others);
        directory.write("empty/.keep", "");
    }

    [[nodiscard]] std::string users() const { return directory / "users"; }
    [[nodiscard]] std::string site_users() const { return directory / "site-users"; }
    [[nodiscard]] std::string socket() const { return "unix:" + (responder.directory() / "socket").string(); }

    // Each time from another address. Status 0: no answer within 4 s.
    HttpAnswer ask(const WebServer& server, const std::string& site, const std::string& path,
                   std::vector<std::string> headers = {}, const std::string& method = "GET") {
        const unsigned n = ++m_asked;
        headers.push_back("Host: " + site);
        try {
            return fetch({.url = "http://127.0.0.1:" + std::to_string(server.port()) + path,
                          .method = method,
                          .headers = std::move(headers),
                          .body = method == "POST" ? "a=b" : "",
                          .source_address = "127.20." + std::to_string(n / 250) + "." + std::to_string(n % 250 + 1),
                          .timeout = std::chrono::milliseconds(4000)});
        } catch (const std::runtime_error& problem) {
            return {.status = 0, .body = problem.what()};
        }
    }
    [[nodiscard]] std::string bearer() const { return "Authorization: Bearer " + token; }

    // The endpoint's answers, as they left the responder.
    void check_endpoint(const WebServer& server, const std::string& site, const std::string& label) {
        const auto scrape = ask(server, site, k_endpoint, {bearer()});
        BOOST_TEST(scrape.status == 200, label << ": " << scrape.status << scrape.body.substr(0, 200));
        BOOST_TEST(scrape.header("content-type") == "text/plain; version=0.0.4; charset=utf-8", label);
        BOOST_TEST(scrape.header("content-length") == std::to_string(scrape.body.size()), label);
        BOOST_TEST(scrape.header("cache-control") == "no-store", label << scrape.header("cache-control"));
        BOOST_TEST(scrape.header("x-ceymail-metrics") == "1", label);
        BOOST_TEST((scrape.body.starts_with("# HELP ceymail_") && scrape.body.ends_with("\"} 1\n")), label);
        const auto stranger = ask(server, site, k_endpoint);
        BOOST_TEST(stranger.status == 401, label << ": " << stranger.status);
        BOOST_TEST(stranger.header("www-authenticate") == R"(Bearer realm="ceymail-metrics")", label);
        BOOST_TEST(stranger.header("x-ceymail-metrics") == "1", label);
        const auto posted = ask(server, site, k_endpoint, {bearer()}, "POST");
        BOOST_TEST(posted.status == 405, label << ": " << posted.status);
        const auto head = ask(server, site, std::string(k_endpoint) + "?a=b", {bearer()}, "HEAD");
        BOOST_TEST((head.status == 200 && head.header("x-ceymail-metrics") == "1"), label << ": " << head.status);
    }

    // Nobody gets to the page but by the password of its own file.
    void check_page_is_guarded(const WebServer& server, const std::string& site, const std::string& label) {
        for (const auto* path : {"", "/", "/x?y"}) {
            const auto page = k_settings_page + std::string(path);
            for (const auto& headers : std::vector<std::vector<std::string>>{
                     {}, {basic("admin:elsewhere")}, {basic("admin:wrong")}, {basic("anonymous:x")}, {bearer()}}) {
                const auto answer = ask(server, site, page, headers);
                BOOST_TEST(answer.header("x-ceymail-metrics").empty(), label << " " << path << answer.body);
            }
        }
        const auto admitted = ask(server, site, k_settings_page, {basic("admin:password")});
        BOOST_TEST((admitted.status == 404 && admitted.header("x-ceymail-metrics") == "1"),
                   label << ": " << admitted.status << admitted.body.substr(0, 200));
        BOOST_TEST(admitted.header("cache-control") == "no-store", label);
    }

    LiveResponder responder{{.configuration = {{"rate_window", "1"}}}};  // the limit is not what is looked at here
    std::string token;
    TemporaryDirectory directory;

private:
    static std::string basic(const std::string& login) {
        const auto encoded = run({.arguments = {"openssl", "base64", "-A"}, .input = login}).output;
        return "Authorization: Basic " + encoded;
    }

    unsigned m_asked = 0;
};

}  // namespace ceymail::testing
