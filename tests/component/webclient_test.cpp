// SPDX-License-Identifier: MIT
// What a web server's answer is taken for.
#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/webclient/ask.hpp"

namespace ceymail::webclient {
namespace {

using namespace std::chrono_literals;

// Gives `bytes` to its one client, whatever that asks, and ends the connection.
class OneAnswer {
public:
    explicit OneAnswer(std::string bytes) : m_listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        BOOST_TEST_REQUIRE(::bind(m_listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        BOOST_TEST_REQUIRE(::listen(m_listener.get(), 1) == 0);
        BOOST_TEST_REQUIRE(::getsockname(m_listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        m_port = std::to_string(::ntohs(address.sin_port));
        m_server = std::jthread([this, bytes = std::move(bytes)] {
            const util::Fd client(::accept4(m_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
            char request[4096];
            m_asked.assign(
                request, static_cast<std::size_t>(std::max<ssize_t>(0, ::read(client.get(), request, sizeof request))));
            for (std::string_view rest = bytes; !rest.empty();) {
                const auto sent = ::send(client.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
                if (sent <= 0) return;
                rest.remove_prefix(static_cast<std::size_t>(sent));
            }
        });
    }

    [[nodiscard]] util::Result<Answer> ask() {
        auto answer = webclient::ask({.host = "127.0.0.1", .port = m_port, .tls = false}, "GET / HTTP/1.1\r\n\r\n", 5s);
        m_server.join();
        return answer;
    }
    [[nodiscard]] const std::string& asked() const { return m_asked; }

private:
    util::Fd m_listener;
    std::string m_port{};
    std::string m_asked{};
    std::jthread m_server{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(webclient)

BOOST_AUTO_TEST_CASE(takes_three_digits_behind_the_version_for_the_status) {
    const std::pair<const char*, int> cases[] = {
        // 0: no HTTP
        {"HTTP/1.1 200 OK\r\n\r\n", 200},
        {"HTTP/1.0 503 Service Unavailable\r\n\r\n", 503},
        {"HTTP/1.1 401\r\n\r\n", 401},
        {"HTTP/1.1 100 Continue\r\n\r\n", 100},
        {"HTTP/1.1 20 OK\r\n\r\n", 0},
        {"HTTP/1.1 2000 OK\r\n\r\n", 0},
        {"HTTP/1.1 -12 OK\r\n\r\n", 0},
        {"HTTP/1.1 012 OK\r\n\r\n", 0},
        {"HTTP/1.1 abc OK\r\n\r\n", 0},
        {"HTTP/1.1  200 OK\r\n\r\n", 0},
        {"HTTP/1.1-200 OK\r\n\r\n", 0},
        {"HTTP/2 200\r\n\r\n   ", 0},
        {"HTTP/1.1 200", 0},
        {"SSH-2.0-OpenSSH_9.2\r\n", 0},
        {"", 0},
    };
    for (const auto& [bytes, status] : cases) {
        OneAnswer server(bytes);
        const auto answer = server.ask();
        BOOST_TEST((answer ? answer->status : 0) == status, bytes);
        BOOST_TEST(server.asked() == "GET / HTTP/1.1\r\n\r\n");
        if (answer) continue;
        BOOST_TEST((answer.error().kind == util::ErrorKind::unavailable));
        BOOST_TEST(answer.error().message.starts_with("no HTTP answer from 127.0.0.1 port "), answer.error().message);
    }
}

BOOST_AUTO_TEST_CASE(parts_head_and_body_and_finds_a_field_whatever_its_case) {
    OneAnswer server(
        "HTTP/1.1 200 OK\r\nX-CeyMail-Metrics: 1\r\nlocation:  \tthere\r\nNo colon\r\nEmpty:\r\n\r\nbody: not a "
        "field\r\n\r\nmore");
    const auto answer = server.ask();
    BOOST_TEST_REQUIRE(answer.has_value());
    BOOST_TEST(!answer->over_tls);
    BOOST_TEST(answer->body == "body: not a field\r\n\r\nmore");
    BOOST_TEST(answer->head.ends_with("Empty:"));
    BOOST_TEST(answer->is_from_responder());
    std::pair<const char*, const char*> const fields[] = {{"Location", "there"}, {"LOCATION", "there"},
                                                          {"Empty", ""},         {"body", ""},
                                                          {"Locatio", ""},       {"HTTP/1.1 200 OK", ""}};
    for (const auto& [name, value] : fields) BOOST_TEST(answer->field(name) == value, name);

    OneAnswer headless("HTTP/1.1 200 OK\r\nServer: x\r\n");
    const auto cut = headless.ask();
    BOOST_TEST_REQUIRE(cut.has_value());
    BOOST_TEST(cut->body.empty());
    BOOST_TEST(cut->field("server") == "x");
    BOOST_TEST(!cut->is_from_responder());
}

BOOST_AUTO_TEST_CASE(cuts_an_answer_at_64_kib) {
    const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
    OneAnswer server(head + std::string(1 << 20, 'x'));
    const auto answer = server.ask();
    BOOST_TEST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->body.size() + head.size() >= 65536U);
    BOOST_TEST(answer->body.size() + head.size() < 65536U + 4096U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ceymail::webclient
