// SPDX-License-Identifier: MIT
// A real Postfix is sent mail in every way that needs no other host. What the parser reads in its log is what was done.
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/parser.hpp"
#include "ceymail/util/fd.hpp"
#include "support/child_process.hpp"
#include "support/http_client.hpp"
#include "support/maillog_description.hpp"
#include "support/miniature.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

constexpr auto k_patience = 30s;

// The Postfix of the miniature with two ports for mail. It relays to two domains: to example.com, whose host is down,
// and to bounced.example, which error(8) returns.
class Postfix {
public:
    Postfix()
        : m_port(free_port()),
          m_milter_port(free_port()),
          m_process({.arguments = {"deploy/miniature/postfix", (m_directory / "p").string()},
                     .output_file = m_directory / "log",
                     .errors_file = m_directory / "log"}) {
        const auto etc = configuration();
        if (!eventually([&] { return std::filesystem::exists(m_directory / "p/queue/public/pickup"); }, k_patience))
            throw std::runtime_error("Postfix does not come up: " + slurp(m_directory / "log"));
        configure({"-e", "mynetworks = 192.0.2.0/24", "relay_domains = example.com bounced.example",
                   "relay_recipient_maps = inline:{ {@bounced.example = x}, {u@example.com = x}, "
                   "{grey@example.com = x}, {\"x>, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent "
                   "(250 ok\"@example.com = x} }",
                   "smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination",
                   "smtpd_recipient_restrictions = check_recipient_access inline:{ {grey@example.com = 450 4.2.0 "
                   "Greylisted} }, reject_non_fqdn_sender",
                   "message_size_limit = 3000", "smtpd_authorized_xforward_hosts = 127.0.0.0/8",
                   "milter_default_action = accept",
                   // A host that is down stays to be tried: error(8) would put off what comes later.
                   "default_destination_concurrency_failed_cohort_limit = 0"});
        const auto service = [](int port) { return "127.0.0.1:" + std::to_string(port) + "/inet"; };
        const auto command = [](int port) { return "127.0.0.1:" + std::to_string(port) + " inet n - n - - smtpd"; };
        configure({"-M", "-e", "anvil/unix = anvil unix - - n - 1 anvil", "relay/unix = relay unix - - n - - smtp"});
        configure({"-M", "-e", service(m_port) + "=" + command(m_port)});
        configure(
            {"-M", "-e", service(m_milter_port) + "=" + command(m_milter_port) + " -o smtpd_milters=inet:127.0.0.1:1"});
        std::ofstream(etc / "header_checks", std::ios::app) << "/^X-Refuse:/ REJECT not wanted here\n";
        // Again until it listens: one that comes while master(8) starts has been seen to have no effect.
        if (!eventually(
                [&, next = std::chrono::steady_clock::now()]() mutable {
                    if (const auto now = std::chrono::steady_clock::now(); now >= next) {
                        m_process.signal(SIGHUP);
                        next = now + 3s;
                    }
                    return connects(m_port);
                },
                k_patience))
            throw std::runtime_error("Postfix does not listen: " + slurp(m_directory / "log"));
    }

    [[nodiscard]] int port() const { return m_port; }
    [[nodiscard]] int milter_port() const { return m_milter_port; }
    [[nodiscard]] std::filesystem::path configuration() const { return m_directory / "p/etc"; }

    // What the parser makes of the whole log.
    [[nodiscard]] std::string counted() const {
        const auto counters = std::make_unique<maillog::Counters>();
        maillog::parse(slurp(m_directory / "log"), util::BootTime{}, *counters);
        return describe(*counters);
    }
    [[nodiscard]] std::string log() const { return slurp(m_directory / "log"); }

private:
    void configure(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"postconf", "-c", configuration().string()});
        const auto done = run({.arguments = arguments});
        if (done.status != 0) throw std::runtime_error("postconf: " + done.errors);
    }

    static bool connects(int port) {
        const util::Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        sockaddr_in address{.sin_family = AF_INET,
                            .sin_port = htons(static_cast<std::uint16_t>(port)),
                            .sin_addr = {htonl(INADDR_LOOPBACK)},
                            .sin_zero = {}};
        return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }

    TemporaryDirectory m_directory;
    int m_port;
    int m_milter_port;
    ChildProcess m_process;
};

// One session; each step sends and requires the code of the reply.
class Session {
public:
    explicit Session(int port) : m_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const timeval patience{.tv_sec = 20, .tv_usec = 0};
        ::setsockopt(m_fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_in address{.sin_family = AF_INET,
                            .sin_port = htons(static_cast<std::uint16_t>(port)),
                            .sin_addr = {htonl(INADDR_LOOPBACK)},
                            .sin_zero = {}};
        if (::connect(m_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("no connection");
        expect(220);
        send("EHLO status=sent.example.net\r\n", 250);
    }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;
    ~Session() {
        constexpr std::string_view k_quit = "QUIT\r\n";
        (void)::send(m_fd.get(), k_quit.data(), k_quit.size(), MSG_NOSIGNAL);
    }

    void send(const std::string& text, int code) {
        if (::send(m_fd.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
            throw std::runtime_error("cannot send");
        expect(code);
    }

    void envelope(const std::string& recipient) {
        send("MAIL FROM:<a@example.org>\r\n", 250);
        send("RCPT TO:<" + recipient + ">\r\n", 250);
    }

    void message(const std::string& text, int code = 250) {
        send("DATA\r\n", 354);
        send(text + "\r\n.\r\n", code);
    }

    void chunk(const std::string& text, const char* last, int code = 250) {
        send("BDAT " + std::to_string(text.size()) + last + "\r\n" + text, code);
    }

private:
    void expect(int code) {
        while (true) {
            const auto line = read_line();
            if (line.size() > 3 && line[3] == '-') continue;
            if (line.starts_with(std::to_string(code))) return;
            throw std::runtime_error("instead of " + std::to_string(code) + ": " + line);
        }
    }

    std::string read_line() {
        for (;;) {
            if (const auto end = m_read.find('\n'); end != std::string::npos) {
                auto line = m_read.substr(0, end);
                m_read.erase(0, end + 1);
                return line;
            }
            char buffer[1024];
            const auto got = ::recv(m_fd.get(), buffer, sizeof buffer, 0);
            if (got <= 0) throw std::runtime_error("no reply");
            m_read.append(buffer, static_cast<std::size_t>(got));
        }
    }

    util::Fd m_fd;
    std::string m_read;
};

void send_by_sendmail(const Postfix& postfix, const std::string& recipient) {
    const auto done =
        run({.arguments = {"sendmail", "-C", postfix.configuration().string(), "-f", "a@example.org", recipient},
             .input = "Subject: x\n\n"});
    BOOST_REQUIRE_EQUAL(done.status, 0);
}

void check(const Postfix& postfix, const std::string& want) {
    if (eventually([&] { return postfix.counted() == want; }, k_patience)) return;
    BOOST_ERROR("counted: " << postfix.counted() << "\nwant:    " << want << "\n" << postfix.log());
}

BOOST_AUTO_TEST_SUITE(maillog_postfix)

BOOST_AUTO_TEST_CASE(counts_messages_that_came_in_by_data_bdat_and_sendmail) {
    const Postfix postfix;
    {
        Session session(postfix.port());
        session.envelope("u@example.com");
        session.message("Subject: one");
        session.envelope("u@example.com");
        for (const char* last : {"", "", " LAST"}) session.chunk("Subject: two\r\n", last);
        session.send("MAIL FROM:<a@example.org>\r\n", 250);
        session.send("RSET\r\n", 250);
        session.envelope("u@example.com");
        session.message(std::string(900, 'x') + "\r\n" + std::string(900, 'x') + "\r\n" + std::string(900, 'x') +
                            "\r\n" + std::string(900, 'x'),
                        552);
        session.envelope("u@example.com");
        session.message("X-Refuse: me", 550);
    }
    {
        Session filter(postfix.port());
        filter.send("XFORWARD NAME=client.example.net ADDR=192.0.2.10\r\n", 250);
        filter.envelope("u@example.com");
        filter.message("Subject: handed back");
    }
    send_by_sendmail(postfix, "u@example.com");
    check(postfix,
          "received smtp 2; received local; recipients smtp deferred 4; failures deferred network 4; rejects content; "
          "rejects size; warnings warning 2");
}

BOOST_AUTO_TEST_CASE(counts_refusals_and_what_an_address_says_changes_nothing) {
    const Postfix postfix;
    {
        Session session(postfix.port());
        session.send("MAIL FROM:<a@example.org>\r\n", 250);
        session.send("RCPT TO:<u@elsewhere.example>\r\n", 554);
        session.send("RCPT TO:<none@example.com>\r\n", 550);
        session.send("RCPT TO:<grey@example.com>\r\n", 450);
        session.send("RSET\r\n", 250);
        session.send("MAIL FROM:<unqualified>\r\n", 250);
        session.send("RCPT TO:<u@example.com>\r\n", 504);
        session.send("RSET\r\n", 250);
        session.send("MAIL FROM:<a@example.org> SIZE=99999\r\n", 552);
        session.send("RSET\r\n", 250);
        session.envelope("\"x>, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok\"@example.com");
        session.message(
            "Message-ID: <x@example.net>, relay=mx, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)");
    }
    check(postfix,
          "received smtp; recipients smtp deferred; failures deferred network; rejects relay_denied; rejects "
          "unknown_recipient; rejects sender_domain; rejects policy; rejects size");
}

BOOST_AUTO_TEST_CASE(counts_a_bounce_as_one_recipient_and_its_report_as_another) {
    const Postfix postfix;
    send_by_sendmail(postfix, "u@bounced.example");
    check(postfix,
          "received local; recipients smtp deferred; recipients error bounced; failures deferred network; failures "
          "bounced addressing");
}

BOOST_AUTO_TEST_CASE(counts_a_milter_that_is_down) {
    const Postfix postfix;
    {
        Session session(postfix.milter_port());
        session.envelope("u@example.com");
        session.message("Subject: unsigned");
    }
    check(postfix,
          "received smtp; recipients smtp deferred; failures deferred network; milter errors; warnings warning");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
