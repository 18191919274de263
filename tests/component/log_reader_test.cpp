// SPDX-License-Identifier: MIT
// The log reader: its rights, its replacement, and the gatherer's distrust of it.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "ceymail/maillog/kept_reading.hpp"
#include "ceymail/maillog/log_reader.hpp"
#include "ceymail/maillog/reader_client.hpp"
#include "ceymail/maillog/reader_protocol.hpp"
#include "ceymail/util/clock.hpp"
#include "support/responder_process.hpp"
#include "support/socket_pair.hpp"
#include "support/temporary_directory.hpp"
#include "support/token_database.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ceymail;
using namespace ceymail::testing;
using util::BootClock;

constexpr auto k_delivery =
    "2026-11-27T18:14:50.123456+00:00 mail postfix/smtp[7]: 9767E1786E4: to=<a@example.org>, "
    "relay=mx.example.net[192.0.2.25]:25, delay=0.4, delays=0.1/0.1/0.1/0.1, dsn=2.0.0, status=sent (250 ok)\n";

std::string sent(int count) {
    return "ceymail_mail_recipients_total{transport=\"smtp\",status=\"sent\"} " + std::to_string(count);
}

std::string proc(pid_t pid, const std::string& file) { return "/proc/" + std::to_string(pid) + "/" + file; }

// The shared mappings of a process, "rw-s 00001000 PATH".
std::vector<std::string> shared_mappings(pid_t pid) {
    std::vector<std::string> found;
    std::istringstream maps(slurp(proc(pid, "maps")));
    for (std::string line; std::getline(maps, line);) {
        char mode[5] = {}, offset[17] = {};
        if (std::sscanf(line.c_str(), "%*x-%*x %4s %16s", mode, offset) != 2 || mode[3] != 's') continue;
        const auto path = line.find('/');
        found.push_back(std::string(mode) + " " + offset + " " + (path == line.npos ? "" : line.substr(path)));
    }
    return found;
}

struct Running {
    const TokenDatabase database;
    ResponderProcess responder{database.settings({{"work_budget_percent", "0"}})};
    std::filesystem::path log = responder.directory() / "mail.log";

    // The log is empty, and its place is known.
    Running() {
        append("");
        BOOST_TEST_REQUIRE(scrape().has_line("ceymail_collector_success{collector=\"mail_log\"} 1"));
    }

    void append(const std::string& text) const { std::ofstream(log, std::ios::app) << text; }
    // As a taken-over reader could, in both readings. The file has them behind a page and three numbers.
    void make_counters_impossible() const {
        constexpr std::size_t k_readings = 4096 + 3 * sizeof(std::uint64_t);
        static_assert(sizeof(maillog::KeptReading) == 3 * sizeof(std::uint64_t) + 2 * sizeof(maillog::Reading));
        constexpr std::uint64_t k_huge = ~std::uint64_t{0};
        std::fstream file(responder.directory() / "run/mail-log", std::ios::in | std::ios::out | std::ios::binary);
        for (std::size_t i = 0; i < 2; ++i) {
            file.seekp(static_cast<std::streamoff>(k_readings + i * sizeof(maillog::Reading) +
                                                   offsetof(maillog::Counters, skipped_bytes)));
            file.write(reinterpret_cast<const char*>(&k_huge), sizeof k_huge);
        }
        BOOST_TEST_REQUIRE(file.flush().good());
    }
    [[nodiscard]] CgiAnswer scrape() const { return responder.ask({.token = TokenDatabase::k_token, .timeout = "3"}); }
    [[nodiscard]] bool comes(const std::string& line) const {
        return eventually([&] { return scrape().has_line(line); });
    }
    [[nodiscard]] std::vector<pid_t> readers() const { return responder.children("ceymail-reader"); }
    [[nodiscard]] pid_t reader() const {
        BOOST_TEST_REQUIRE(eventually([&] { return readers().size() == 1U; }));
        return readers().at(0);
    }
};

BOOST_FIXTURE_TEST_SUITE(log_reader, Running)

BOOST_AUTO_TEST_CASE(counts_each_line_that_is_written_once) {
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
    append(std::string(k_delivery) + k_delivery);
    BOOST_TEST(comes(sent(3)));
    const auto answer = scrape();
    BOOST_TEST(answer.has_line(sent(3)));
    BOOST_TEST(answer.has_line("ceymail_mail_log_unread_bytes 0"));
    BOOST_TEST(answer.has_line("ceymail_mail_delivery_delay_seconds_count 3"));
}

BOOST_AUTO_TEST_CASE(has_no_right_and_no_file_but_the_log) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
    const auto status = slurp(proc(reader(), "status"));
    for (const auto* const line :
         {"CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"})
        BOOST_TEST(status.contains(line), line);
    const auto names = names_of_fds(reader());
    BOOST_TEST(names.contains(log.string()));
    BOOST_TEST(!names.contains("/run/"), names);
    std::size_t sockets = 0;
    for (auto at = names.find("socket:"); at != names.npos; at = names.find("socket:", at + 1)) ++sockets;
    BOOST_TEST(sockets == 1U, names);
}

BOOST_AUTO_TEST_CASE(shares_with_the_gatherer_what_it_counts_and_nothing_else) {
    const auto file = (responder.directory() / "run/mail-log").string();
    const auto of_reader = shared_mappings(reader());
    const std::vector<std::string> counters_and_heartbeat{"rw-s 00001000 " + file,
                                                          "rw-s 00002000 /dev/zero (deleted)"};  // after two workers'
    BOOST_TEST(of_reader == counters_and_heartbeat, boost::test_tools::per_element());
    std::vector<std::string> of_gatherer;
    for (const auto& mapping : shared_mappings(responder.gatherer()))
        if (mapping.contains("mail-log")) of_gatherer.push_back(mapping);
    BOOST_TEST(of_gatherer == (std::vector<std::string>{"r--s 00001000 " + file}), boost::test_tools::per_element());
    for (const auto worker : responder.workers())
        for (const auto& mapping : shared_mappings(worker)) BOOST_TEST(!mapping.contains("mail-log"), mapping);
}

BOOST_AUTO_TEST_CASE(keeps_no_name_of_an_account) {
    for (int i = 0; i < 3; ++i)
        append(
            "2026-11-27T18:14:50.123456+00:00 mail postfix/submission/smtpd[7]: 9767E1786E4: client=c[192.0.2.10], "
            "sasl_method=PLAIN, sasl_username=busy@example.org\n");
    BOOST_TEST(comes("ceymail_mail_busiest_sender_messages 3"));
    BOOST_TEST(!scrape().mentions("busy"));
    BOOST_TEST(!responder.log().contains("busy@"));
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(responder.directory() / "run")) {
        if (!entry.is_regular_file()) continue;
        ++files;
        BOOST_TEST(!slurp(entry.path()).contains("busy@"), entry.path());
    }
    BOOST_TEST(files >= 2U);  // segment, mail-log
}

BOOST_AUTO_TEST_CASE(is_replaced_when_it_is_killed_and_counts_on) {
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
    std::this_thread::sleep_for(1100ms);  // until an exit is no early exit any more
    const auto before = reader();
    ::kill(before, SIGKILL);
    append(k_delivery);
    BOOST_TEST(comes(sent(2)));
    BOOST_TEST(reader() != before);
    BOOST_TEST(responder.log().contains("log reader " + std::to_string(before) + " was killed by signal 9"));
}

// As a host sees it at its worst: both are killed in each round, at moments that differ, and the log is rotated.
BOOST_AUTO_TEST_CASE(counts_each_line_once_while_it_and_the_gatherer_are_killed) {
    constexpr int k_rounds = 3, k_lines = 400;
    int written = 0;
    const auto write = [&] {
        for (int i = 0; i < k_lines; ++i, ++written) {
            append(k_delivery);
            if (i % 50 == 0) std::this_thread::sleep_for(1ms);
        }
    };
    for (int round = 0; round < k_rounds; ++round) {
        std::this_thread::sleep_for(1100ms);  // until an exit is no early exit any more
        const bool is_reader_first = round % 2 == 0;
        const auto first = is_reader_first ? reader() : responder.gatherer();
        const auto second = is_reader_first ? responder.gatherer() : reader();
        std::thread scraping([&] { static_cast<void>(scrape()); });
        write();
        ::kill(first, SIGKILL);
        write();
        std::filesystem::rename(log, log.string() + ".1");
        append("2026-11-27T18:14:51.654" + std::to_string(100 + round) + "+00:00" +
               std::string(k_delivery).substr(32));  // another start of the file
        ++written;
        ::kill(second, SIGKILL);
        scraping.join();
        write();
        BOOST_TEST(comes(sent(written)), "round " << round << ": " << scrape().body);
    }
    const auto answer = scrape();
    BOOST_TEST(answer.has_line("ceymail_mail_log_skipped_bytes_total 0"));
    BOOST_TEST(answer.has_line("ceymail_mail_log_unread_bytes 0"));
}

// More than one gathering reads.
BOOST_AUTO_TEST_CASE(works_a_flood_off_in_parts_and_counts_each_line_of_it_once) {
    constexpr std::size_t k_bytes = 3 * maillog::ReaderClient::k_most_bytes / 2;
    const std::string line = k_delivery;
    const auto lines = static_cast<int>(k_bytes / line.size());
    std::string flood;
    for (int i = 0; i < lines; ++i) flood += line;
    append(flood);
    const auto first = scrape();
    BOOST_TEST(first.status == 200);
    BOOST_TEST(first.has_line("ceymail_collector_success{collector=\"cpu\"} 1"));
    BOOST_TEST(first.has_line("ceymail_collector_success{collector=\"mail_log\"} 1"));
    BOOST_TEST(first.mentions("\nceymail_mail_log_unread_bytes "));
    BOOST_TEST(!first.has_line("ceymail_mail_log_unread_bytes 0"), "the lag is visible");
    BOOST_TEST(!first.has_line(sent(lines)));
    BOOST_TEST(comes("ceymail_mail_log_unread_bytes 0"));
    BOOST_TEST(scrape().has_line(sent(lines)));
    append(line);
    BOOST_TEST(comes(sent(lines + 1)));
}

// strace(1) follows all threads of a process from construction to calls().
class Strace {
public:
    Strace(pid_t pid, const std::filesystem::path& file)
        : m_file(file),
          m_strace({.arguments = {"strace", "-f", "-qq", "-e", "signal=none", "-o", file, "-p", std::to_string(pid)}}) {
        BOOST_TEST_REQUIRE(eventually([&] { return !slurp(proc(pid, "status")).contains("\nTracerPid:\t0\n"); }),
                           "strace does not come up: " << m_strace.errors());
    }

    // Those lines that mention `text`.
    std::vector<std::string> calls(const std::string& text) {
        m_strace.terminate();
        std::vector<std::string> found;
        std::ifstream file(m_file);
        for (std::string line; std::getline(file, line);)
            if (line.contains(text)) found.push_back(line);
        return found;
    }

private:
    std::filesystem::path m_file;
    ChildProcess m_strace;
};

BOOST_AUTO_TEST_CASE(an_idle_log_costs_one_look_at_its_name_in_each_gathering_and_the_reader_nothing) {
    constexpr std::size_t k_gatherings = 10;
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
    Strace gatherer(responder.gatherer(), responder.directory() / "of-gatherer");
    Strace of_reader(reader(), responder.directory() / "of-reader");
    for (std::size_t i = 0; i < k_gatherings; ++i) BOOST_TEST(scrape().has_line(sent(1)));
    const auto looks = gatherer.calls("mail.log");
    BOOST_TEST(looks.size() == k_gatherings);
    for (const auto& look : looks) BOOST_TEST((look.contains("stat(") || look.contains("newfstatat(")), look);
    BOOST_TEST(of_reader.calls("(").size() <= 1U, "but for the call in which it waits");
}

BOOST_AUTO_TEST_CASE(costs_only_its_own_metrics_while_it_does_not_answer) {
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
    const auto stopped = reader();
    ::kill(stopped, SIGSTOP);
    append(k_delivery);
    const auto answer = scrape();
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"mail_log\"} 0"));
    BOOST_TEST(!answer.mentions("ceymail_mail_"));
    BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"cpu\"} 1"));
    ::kill(stopped, SIGCONT);
    BOOST_TEST(comes(sent(2)));
}

BOOST_AUTO_TEST_CASE(goes_on_where_it_was_after_a_restart_of_the_service) {
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    append(k_delivery);
    responder.start();
    BOOST_TEST(comes(sent(2)));
}

BOOST_AUTO_TEST_CASE(reads_the_end_of_a_log_that_was_renamed_and_then_the_new_one) {
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
    append(k_delivery);
    std::filesystem::rename(log, log.string() + ".1");
    append("2026-11-27T18:14:51.654321+00:00" + std::string(k_delivery).substr(32));  // another start of the file
    BOOST_TEST(comes(sent(3)));
    append(k_delivery);
    BOOST_TEST(comes(sent(4)));
    BOOST_TEST(scrape().has_line("ceymail_mail_log_skipped_bytes_total 0"));
}

BOOST_AUTO_TEST_CASE(a_damaged_file_of_counters_is_replaced) {
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    const auto file = responder.directory() / "run/mail-log";
    std::filesystem::resize_file(file, 100);
    responder.start();
    BOOST_TEST(responder.log().contains("replaced " + file.string()));
    BOOST_TEST(scrape().has_line("ceymail_collector_success{collector=\"mail_log\"} 1"));
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
}

BOOST_AUTO_TEST_CASE(starts_again_at_0_after_impossible_counters) {
    append(std::string(k_delivery) + k_delivery);
    BOOST_TEST(comes(sent(2)));
    make_counters_impossible();
    const auto answer = scrape();
    BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"mail_log\"} 1"));
    BOOST_TEST(answer.has_line("ceymail_mail_log_skipped_bytes_total 0"));
    append(k_delivery);
    BOOST_TEST(comes(sent(1)));
}

BOOST_AUTO_TEST_CASE(an_unsuitable_log_costs_only_its_own_metrics) {
    std::filesystem::remove(log);
    std::filesystem::create_symlink("/etc/passwd", log);
    BOOST_TEST(comes("ceymail_collector_success{collector=\"mail_log\"} 0"));
    const auto answer = scrape();
    BOOST_TEST(!answer.mentions("ceymail_mail_"));
    BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"cpu\"} 1"));
    BOOST_TEST(responder.log().contains("it is a symbolic link"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(without_log_reader)

BOOST_AUTO_TEST_CASE(an_unsuitable_log_of_fail2ban_costs_the_bans_alone) {
    const TemporaryDirectory directory;
    const auto log = directory.write("fail2ban.log", "");
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0755});
    const auto link = directory / "link";
    std::filesystem::create_symlink(log, link);
    const TokenDatabase database;
    const ResponderProcess responder(database.settings({{"fail2ban_log", link}}));
    std::ofstream(responder.directory() / "mail.log", std::ios::app) << k_delivery;
    const auto scrape = [&] { return responder.ask({.token = TokenDatabase::k_token}); };
    BOOST_TEST(eventually([&] { return scrape().has_line("ceymail_collector_success{collector=\"mail_log\"} 1"); }));
    BOOST_TEST(eventually([&] { return responder.log().contains("; bans are not counted"); }), responder.log());
    BOOST_TEST(responder.log().contains(link.string()), responder.log());
    for (int i = 0; i < 3; ++i) BOOST_TEST(!scrape().mentions("ceymail_bans_total"));
    const auto text = responder.log();
    BOOST_TEST(text.find("; bans are not counted", text.find("; bans are not counted") + 1) == text.npos, text);
}

BOOST_AUTO_TEST_CASE(no_log_is_named_so_no_process_runs) {
    const ResponderProcess responder(Settings{{"mail_log", ""}, {"fail2ban_log", ""}});
    BOOST_TEST(eventually([&] { return responder.children("ceymail-worker").size() == 2U; }));
    BOOST_TEST(responder.children("ceymail-reader").empty());
    BOOST_TEST(!std::filesystem::exists(responder.directory() / "run/mail-log"));
}

BOOST_AUTO_TEST_SUITE_END()

// A reader that is played by the test, on the other end of the socket.
struct Played {
    TemporaryDirectory directory;
    std::filesystem::path log = directory.write("mail.log", "a line\n");
    std::unique_ptr<maillog::KeptReading> kept = std::make_unique<maillog::KeptReading>();
    util::Fd gatherer, reader;
    std::unique_ptr<maillog::ReaderClient> client;

    Played() {
        connect_pair(gatherer, reader);
        kept->start({});
        client = std::make_unique<maillog::ReaderClient>(gatherer.get(), *kept, maillog::LogPaths{log, {}});
    }

    // Calls read() while `answer` plays the reader for one request.
    template <class Answer>
    auto read(Answer answer) {
        std::thread playing([&] {
            pollfd waits{reader.get(), POLLIN, 0};
            if (::poll(&waits, 1, 2000) != 1) return;
            if (auto received = maillog::take_request(reader.get())) answer(*received);
        });
        auto result = client->read(BootClock::now() + 300ms);
        playing.join();
        return result;
    }

    // What an honest reader leaves when it has read all.
    void leave_all_read(const maillog::ReceivedRequest& received) const {
        auto& reading = kept->begin();
        auto& position = reading.position(maillog::Log::mail);
        position.file = *maillog::status_of(received.files.back().get());
        position.offset = position.file.size;
        position.state = maillog::PositionState::at_line;
        kept->commit();
    }

    void reply(const maillog::ReceivedRequest& received, std::int64_t cpu_ns = 0) const {
        BOOST_TEST(maillog::send_reply(reader.get(), {received.request.number, cpu_ns}).has_value());
    }
};

BOOST_FIXTURE_TEST_SUITE(log_reader_client, Played)

BOOST_AUTO_TEST_CASE(asks_nothing_while_the_log_does_not_change) {
    BOOST_TEST(read([&](const auto& received) {
                   leave_all_read(received);
                   reply(received);
               }).has_value());
    BOOST_TEST(client->read(BootClock::now() + 300ms).has_value());
    BOOST_TEST(!maillog::take_request(reader.get()).has_value());
    directory.write("mail.log", "a line\nanother\n");
    BOOST_TEST(!client->read(BootClock::now() + 10ms).has_value());
    BOOST_TEST(maillog::take_request(reader.get()).has_value());
}

BOOST_AUTO_TEST_CASE(asks_again_where_the_log_is_not_read_to_its_end) {
    BOOST_TEST(read([&](const auto& received) {
                   leave_all_read(received);
                   --kept->begin().position(maillog::Log::mail).offset;
                   kept->commit();
                   reply(received);
               }).has_value());
    BOOST_TEST(!client->read(BootClock::now() + 10ms).has_value());
    BOOST_TEST(maillog::take_request(reader.get()).has_value());
}

BOOST_AUTO_TEST_CASE(takes_no_answer_to_another_request) {
    const auto result = read([&](auto& received) {
        leave_all_read(received);
        ++received.request.number;
        reply(received);
    });
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().kind == util::ErrorKind::timed_out));
}

BOOST_AUTO_TEST_CASE(believes_no_cpu_time_that_cannot_be) {
    BOOST_TEST(read([&](const auto& received) {
                   leave_all_read(received);
                   reply(received, std::int64_t{1} << 60U);
               }).has_value());
    BOOST_TEST((client->reader_cpu_time() < 1s));
    BOOST_TEST(read([&](const auto& received) { reply(received, -5); }).has_value());
}

BOOST_AUTO_TEST_CASE(refuses_impossible_counters_and_resets_them) {
    const auto result = read([&](const auto& received) {
        leave_all_read(received);
        kept->begin().counters.delivery_delay.buckets[5] = 3;  // three of 3 to 10 s, and a sum of 0
        kept->commit();
        reply(received);
    });
    BOOST_TEST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().kind == util::ErrorKind::invalid));
    bool reset = false;
    static_cast<void>(read([&](const auto& received) { reset = received.request.reset == 1; }));
    BOOST_TEST(reset);
}

BOOST_AUTO_TEST_CASE(knows_which_counters_can_be) {
    const auto reading = std::make_unique<maillog::Reading>();
    BOOST_TEST(maillog::is_plausible(*reading));
    reading->counters.delivery_delay.add(4'000'000, 2);
    BOOST_TEST(maillog::is_plausible(*reading));
    const auto refused = [&](auto change) {
        const auto changed = std::make_unique<maillog::Reading>(*reading);
        change(*changed);
        return !maillog::is_plausible(*changed);
    };
    constexpr auto k_huge = ~std::uint64_t{0};
    BOOST_TEST(refused([](auto& r) { r.counters.version = 0; }));
    BOOST_TEST(refused([](auto& r) { r.counters.rejects.values[3] = k_huge; }));
    BOOST_TEST(refused([](auto& r) { r.counters.delivery_delay.sum_microseconds = 1; }));
    BOOST_TEST(refused([](auto& r) { r.counters.delivery_delay.buckets[12] = k_huge; }));
    BOOST_TEST(refused([](auto& r) { r.counters.bans.add("sshd", k_huge); }));
    BOOST_TEST(refused([](auto& r) { r.unread_bytes[0] = k_huge; }));
    constexpr auto k_largest = std::uint64_t{1} << 53U;  // which a double holds
    BOOST_TEST(!refused([](auto& r) { r.unread_bytes[0] = k_largest; }));
    BOOST_TEST(refused([](auto& r) { r.unread_bytes[0] = k_largest + 1; }));
    // Both messages lie in the bucket above 3 s.
    BOOST_TEST(!refused([](auto& r) { r.counters.delivery_delay.sum_microseconds = 6'000'000; }));
    BOOST_TEST(refused([](auto& r) { r.counters.delivery_delay.sum_microseconds = 5'999'999; }));
}

// What syslog wrote last into the file is in the journal too, and must be there before the file is read.
BOOST_AUTO_TEST_CASE(lets_the_file_settle_behind_the_journal) {
    kept->begin().journal.state = journal::State::since;
    kept->commit();
    client = std::make_unique<maillog::ReaderClient>(gatherer.get(), *kept,
                                                     maillog::LogPaths{log, {}, maillog::JournalUse::without_file});
    std::vector<util::BootTime> asked;
    std::thread playing([&] {
        for (const std::uint32_t follows_journal : {1U, 0U}) {
            pollfd waits{reader.get(), POLLIN, 0};
            if (::poll(&waits, 1, 2000) != 1) return;
            const auto received = maillog::take_request(reader.get());
            asked.push_back(BootClock::now());
            if (!received || received->request.follow_journal != follows_journal) return;
            reply(*received);
        }
    });
    static_cast<void>(client->read(BootClock::now() + 2s));
    playing.join();
    BOOST_TEST_REQUIRE(asked.size() == 2U);
    BOOST_TEST((asked[1] - asked[0] >= maillog::ReaderClient::k_settle - 10ms));
}

BOOST_AUTO_TEST_SUITE_END()

// The reader in a thread, and requests that the test makes.
struct Served {
    TemporaryDirectory directory;
    std::unique_ptr<maillog::KeptReading> kept = std::make_unique<maillog::KeptReading>();
    std::atomic<util::AwakeTime> busy{};
    util::Fd gatherer, reader, stop{::eventfd(0, EFD_CLOEXEC)};
    std::thread serving;

    Served() {
        connect_pair(gatherer, reader);
        kept->start({});
        serving = std::thread([this] { maillog::serve_log_reader(reader.get(), -1, stop.get(), *kept, busy); });
    }
    ~Served() {
        ::eventfd_write(stop.get(), 1);
        serving.join();
    }

    // Returns: the outcome; none where no answer came.
    std::optional<maillog::ReadOutcome> ask(maillog::ReadRequest request, const std::vector<util::Fd>& files) {
        request.number = 1;
        if (request.limit == 0) request.limit = 1U << 20U;
        if (request.deadline_ns == 0) request.deadline_ns = (BootClock::now() + 1s).time_since_epoch().count();
        BOOST_TEST(maillog::send_request(gatherer.get(), request, files).has_value());
        pollfd waits{gatherer.get(), POLLIN, 0};
        if (::poll(&waits, 1, 1000) != 1) return std::nullopt;
        const auto reply = maillog::take_reply(gatherer.get());
        return reply ? std::optional(reply->outcome) : std::nullopt;
    }
    [[nodiscard]] util::Fd file(const std::string& name, int flags = O_RDONLY) const {
        return util::Fd(::open(directory.write(name, "a line\n").c_str(), flags | O_CLOEXEC));
    }
};

BOOST_FIXTURE_TEST_SUITE(log_reader_requests, Served)

BOOST_AUTO_TEST_CASE(drop_the_counters_where_they_say_so) {
    kept->begin().counters.milter_errors = 7;
    kept->commit();
    BOOST_TEST((ask({}, {}) == maillog::ReadOutcome::done));
    BOOST_TEST(kept->committed().counters.milter_errors == 7U);
    BOOST_TEST((ask({.reset = 1}, {}) == maillog::ReadOutcome::done));
    BOOST_TEST(kept->committed().counters.milter_errors == 0U);
}

BOOST_AUTO_TEST_CASE(are_answered_by_the_failure_of_the_log_of_fail2ban_too) {
    std::vector<util::Fd> files;
    files.push_back(file("mail.log"));
    files.push_back(file("fail2ban.log", O_WRONLY));
    BOOST_TEST((ask({.mail_files = 1, .other_files = 1, .follow_mail = 1, .follow_other = 1}, files) ==
                maillog::ReadOutcome::failed));
}

BOOST_AUTO_TEST_CASE(may_have_four_files_of_either_log) {
    std::vector<util::Fd> files;
    for (int i = 0; i < 4; ++i) files.push_back(file("log" + std::to_string(i)));
    BOOST_TEST((ask({.mail_files = 4, .follow_mail = 1}, files) == maillog::ReadOutcome::done));
    BOOST_TEST((ask({.other_files = 4, .follow_other = 1}, files) == maillog::ReadOutcome::done));
}

BOOST_AUTO_TEST_CASE(whose_answers_are_not_taken_name_the_gatherer) {
    util::Fd ours, theirs;
    connect_pair(ours, theirs);
    util::Result<void> sent;
    for (int i = 0; sent && i < 100'000; ++i) sent = maillog::send_reply(ours.get(), {});
    BOOST_TEST_REQUIRE(!sent.has_value());
    BOOST_TEST(sent.error().message == "the gatherer does not take answers; it is stuck");
    theirs.reset();
    const auto gone = maillog::send_reply(ours.get(), {});
    BOOST_TEST_REQUIRE(!gone.has_value());
    BOOST_TEST(gone.error().message.starts_with("cannot reach the gatherer: "), gone.error().message);
}

// A step is 1 MiB.
BOOST_AUTO_TEST_CASE(read_a_step_at_least_and_go_on_until_their_limit_or_deadline) {
    const auto path = directory.write("mail.log", "");
    BOOST_TEST((ask({.follow_mail = 1}, {}) == maillog::ReadOutcome::done));  // the log is waited for
    constexpr std::size_t k_step = 1U << 20U;
    std::string text(5 * k_step, 'x');
    for (std::size_t i = 1023; i < text.size(); i += 1024) text[i] = '\n';
    std::ofstream(path) << text;
    const auto now = BootClock::now();
    const auto unread_after = [&](util::BootTime deadline, std::uint64_t limit) {
        std::vector<util::Fd> files;
        files.push_back(util::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
        BOOST_TEST((
            ask({.deadline_ns = deadline.time_since_epoch().count(), .limit = limit, .mail_files = 1, .follow_mail = 1},
                files) == maillog::ReadOutcome::done));
        return kept->committed().unread(maillog::Log::mail);
    };
    BOOST_TEST(unread_after(now, 10 * k_step) == 4 * k_step);
    BOOST_TEST(unread_after(now + 60s, 2 * k_step) == 2 * k_step);
    BOOST_TEST(unread_after(now + 60s, 10 * k_step) == 0U);
}

BOOST_AUTO_TEST_CASE(end_where_the_log_ends_or_has_half_a_line) {
    const auto path = directory.write("mail.log", "");
    BOOST_TEST((ask({.follow_mail = 1}, {}) == maillog::ReadOutcome::done));  // the log is waited for
    for (const auto* const text : {"a line\n", "half"}) {
        std::ofstream(path, std::ios::app) << text;
        std::vector<util::Fd> files;
        files.push_back(util::Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
        const auto deadline = (BootClock::now() + 3s).time_since_epoch().count();  // ask() waits for a second
        BOOST_TEST((ask({.deadline_ns = deadline, .limit = 1ULL << 50U, .mail_files = 1, .follow_mail = 1}, files) ==
                    maillog::ReadOutcome::done),
                   text);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
