// SPDX-License-Identifier: MIT
// read_parameters(): the Request from CGI parameters.
#include "ceymail/fastcgi/parameters.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

using ceymail::fastcgi::read_parameters;
using ceymail::fastcgi::Request;

namespace {

// Owns an environment as libfcgi and the C library have it.
struct Environment {
    explicit Environment(std::vector<std::string> all) : entries(std::move(all)) {
        for (std::string& entry : entries) pointers.push_back(entry.data());
        pointers.push_back(nullptr);
    }
    Request read() { return read_parameters(pointers.data()); }
    std::vector<std::string> entries;
    std::vector<char*> pointers;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(parameters)

BOOST_AUTO_TEST_CASE(reads_what_the_endpoint_needs) {
    const Request request =
        Environment({"REQUEST_METHOD=GET", "REQUEST_URI=/a?b=c", "HTTP_HOST=x", "NOVALUE", "REMOTE_ADDR=192.0.2.7",
                     "HTTP_AUTHORIZATION=Bearer abc=", "HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS=10"})
            .read();
    BOOST_TEST(request.method == "GET");
    BOOST_TEST(request.uri == "/a?b=c");
    BOOST_TEST(request.remote_addr == "192.0.2.7");
    BOOST_TEST(request.authorization.reveal() == "Bearer abc=");
    BOOST_TEST(request.scrape_timeout == "10");
    BOOST_TEST(!request.malformed);
}

BOOST_AUTO_TEST_CASE(leaves_empty_what_is_missing) {
    for (const Request& request :
         {read_parameters(nullptr), Environment({}).read(), Environment({"REMOTE_ADDR"}).read()}) {
        BOOST_TEST(request.remote_addr.empty());
        BOOST_TEST(request.authorization.empty());
        BOOST_TEST(!request.malformed);
    }
}

BOOST_AUTO_TEST_CASE(wipes_the_authorization_where_it_stood) {
    Environment environment({"HTTP_AUTHORIZATION=Bearer abc"});
    BOOST_TEST(environment.read().authorization.reveal() == "Bearer abc");
    BOOST_TEST(environment.entries[0] == "HTTP_AUTHORIZATION=" + std::string(10, '\0'));
}

BOOST_AUTO_TEST_CASE(takes_a_parameter_given_twice_for_malformed_where_it_is_read) {
    for (const std::string name : {"REQUEST_METHOD", "REQUEST_URI", "REMOTE_ADDR", "HTTP_AUTHORIZATION",
                                   "HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS"}) {
        BOOST_TEST(!Environment({name + "=1"}).read().malformed, name);
        BOOST_TEST(Environment({name + "=1", "OTHER=x", name + "=2"}).read().malformed, name);
        BOOST_TEST(Environment({name + "=1", name + "=1"}).read().malformed, name << ", the same value");
        BOOST_TEST(Environment({name + "=", name + "=1"}).read().malformed, name << ", one empty");
    }
    for (const std::string name : {"HTTPS", "REMOTE_ADDR2", "remote_addr", "HTTP_REMOTE_ADDR", "REMOTE_ADD"}) {
        BOOST_TEST(!Environment({name + "=1", "REMOTE_ADDR=1", name + "=2"}).read().malformed, name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
