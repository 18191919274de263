// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/request_path.hpp"

#include <boost/test/unit_test.hpp>

using ceymail::endpoint::request_path;

BOOST_AUTO_TEST_SUITE(request_path_)

BOOST_AUTO_TEST_CASE(is_what_stands_before_the_query) {
    struct {
        const char* label;
        const char* in;
        const char* want;
    } const cases[] = {
        {"alone", "/api/stats/metrics", "/api/stats/metrics"},
        {"query", "/api/stats/metrics?a=b", "/api/stats/metrics"},
        {"empty query", "/api/stats/metrics?", "/api/stats/metrics"},
        {"question mark in the query", "/metrics?a=?b", "/metrics"},
        {"nothing", "", ""},
        {"only a query", "?a", ""},
        {"trailing slash is another path", "/metrics/", "/metrics/"},
        {"percent-encoding stays", "/api%2Fstats/metrics", "/api%2Fstats/metrics"},
        {"dot segments stay", "/x/../metrics", "/x/../metrics"},
        {"case counts", "/METRICS", "/METRICS"},
        {"absolute form", "http://host/metrics?a", "/metrics"},
        {"absolute form, https, port", "https://host:8443/metrics", "/metrics"},
        {"scheme in any case", "HTTPS://host/metrics", "/metrics"},
        {"absolute form without a path", "http://host", "/"},
        {"absolute form, query at once", "http://host?/metrics", "/"},
        {"another scheme is no absolute form", "ftp://host/metrics", "ftp://host/metrics"},
        {"a URI in the query is none", "/x?u=http://host/metrics", "/x"},
        {"two slashes are no authority", "//host/metrics", "//host/metrics"},
        {"a piece of a scheme", "http:/", "http:/"},
    };
    for (const auto& c : cases) BOOST_TEST(request_path(c.in) == c.want, c.label);
}

BOOST_AUTO_TEST_SUITE_END()
