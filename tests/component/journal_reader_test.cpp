// SPDX-License-Identifier: MIT
// The journal reader: its rights and its replacement; and the change between the journal and a file.
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "ceymail/journal/protocol.hpp"
#include "ceymail/journal/reader.hpp"
#include "ceymail/maillog/journal_follower.hpp"
#include "ceymail/maillog/kept_reading.hpp"
#include "ceymail/maillog/log_reader.hpp"
#include "ceymail/maillog/reader_client.hpp"
#include "ceymail/util/clock.hpp"
#include "support/captured_log.hpp"
#include "support/failing_calls.hpp"
#include "support/journald.hpp"
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
    "9767E1786E4: to=<a@example.org>, relay=mx.example.net[192.0.2.25]:25, delay=0.4, delays=0.1/0.1/0.1/0.1, "
    "dsn=2.0.0, status=sent (250 ok)";

std::string sent(int count) {
    return "ceymail_mail_recipients_total{transport=\"smtp\",status=\"sent\"} " + std::to_string(count);
}

std::string proc(pid_t pid, const std::string& file) { return "/proc/" + std::to_string(pid) + "/" + file; }

struct Running {
    const Journald journald;
    const TokenDatabase database;
    ResponderProcess responder{database.settings(
        {{"work_budget_percent", "0"}, {"mail_log", "journal"}, {"journal_directory", journald.directory().string()}})};

    Running() { BOOST_TEST_REQUIRE(comes("ceymail_mail_log_unread_seconds 0")); }

    void deliver() const { journald.log("postfix/smtp", k_delivery); }
    [[nodiscard]] CgiAnswer scrape() const { return responder.ask({.token = TokenDatabase::k_token, .timeout = "3"}); }
    [[nodiscard]] bool comes(const std::string& line) const {
        return eventually([&] { return scrape().has_line(line); });
    }
    [[nodiscard]] pid_t only(const std::string& name) const {
        BOOST_TEST_REQUIRE(eventually([&] { return responder.children(name).size() == 1U; }));
        return responder.children(name).at(0);
    }
};

BOOST_FIXTURE_TEST_SUITE(journal_reader, Running)

BOOST_AUTO_TEST_CASE(counts_each_line_of_the_journal_once) {
    deliver();
    BOOST_TEST(comes(sent(1)));
    deliver();
    deliver();
    BOOST_TEST(comes(sent(3)));
    const auto answer = scrape();
    BOOST_TEST(answer.has_line(sent(3)));
    BOOST_TEST(answer.has_line("ceymail_mail_log_gaps_total 0"));
    BOOST_TEST(answer.has_line("ceymail_mail_log_foreign_lines_total 0"));
    BOOST_TEST(answer.has_line("ceymail_mail_log_skipped_bytes_total 0"));
    BOOST_TEST(!answer.mentions("ceymail_mail_log_unread_bytes"));
    journald.log("postfix/smtp", k_delivery, 65534);  // a user without rights
    BOOST_TEST(comes("ceymail_mail_log_foreign_lines_total 1"));
    BOOST_TEST(scrape().has_line(sent(3)));
}

BOOST_AUTO_TEST_CASE(has_the_journal_and_one_socket_and_can_do_nothing_else) {
    deliver();
    BOOST_TEST(comes(sent(1)));
    const auto status = slurp(proc(only("ceymail-journal"), "status"));
    for (const auto* const line : {"CapPrm:\t0000000000000004", "NoNewPrivs:\t1", "Seccomp:\t2"})
        BOOST_TEST(status.contains(line), line);
    const auto names = names_of_fds(only("ceymail-journal"));
    BOOST_TEST(!names.contains(".journal"), names);  // between two requests
    std::size_t sockets = 0;
    for (auto at = names.find("socket:"); at != names.npos; at = names.find("socket:", at + 1)) ++sockets;
    BOOST_TEST(sockets == 1U, names);
    BOOST_TEST(!slurp(proc(only("ceymail-journal"), "maps")).contains("mail-log"));
    BOOST_TEST(!slurp(proc(only("ceymail-journal"), "maps")).contains("segment"));
}

BOOST_AUTO_TEST_CASE(leaves_the_log_reader_without_a_file) {
    deliver();
    BOOST_TEST(comes(sent(1)));
    const auto reader = only("ceymail-reader");
    BOOST_TEST(slurp(proc(reader, "status")).contains("CapPrm:\t0000000000000000"));
    BOOST_TEST(!names_of_fds(reader).contains("journal"));
    BOOST_TEST(!slurp(proc(reader, "maps")).contains(".journal"));
}

BOOST_AUTO_TEST_CASE(is_replaced_when_it_is_killed_and_so_is_the_log_reader) {
    deliver();
    BOOST_TEST(comes(sent(1)));
    std::this_thread::sleep_for(1100ms);  // until an exit is no early exit any more
    int count = 1;
    for (const auto* const name : {"ceymail-journal", "ceymail-reader"}) {
        const auto before = only(name);
        ::kill(before, SIGKILL);
        deliver();
        BOOST_TEST(comes(sent(++count)), name);
        BOOST_TEST(only(name) != before);
    }
    BOOST_TEST(responder.log().contains("journal reader"));
    BOOST_TEST(scrape().has_line("ceymail_mail_log_gaps_total 0"));
}

// On a host whose mail log is a file it is not asked, and no process has the right to read every file for nothing.
BOOST_AUTO_TEST_CASE(runs_from_the_first_request_on) {
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    responder.start();
    BOOST_TEST(responder.ask({}).status == 401);
    BOOST_TEST(only("ceymail-reader") > 0);
    BOOST_TEST(responder.children("ceymail-journal").empty());
    deliver();
    BOOST_TEST(comes(sent(1)));
    BOOST_TEST(only("ceymail-journal") > 0);
}

// Its next request waits in the socket, and must not keep the supervisor busy until the process may start.
BOOST_AUTO_TEST_CASE(keeps_no_processor_busy_while_it_may_not_start) {
    const auto busy_ms = [this] {
        return std::stoll(slurp(proc(responder.supervisor().pid(), "schedstat"))) / 1'000'000;
    };
    const auto before = busy_ms();
    for (int i = 0; i < 2; ++i) {
        ::kill(only("ceymail-journal"), SIGKILL);
        deliver();
        static_cast<void>(scrape());
    }
    BOOST_TEST(eventually([&] { return responder.log().contains("lived less than a second, so the next one waits"); }));
    BOOST_TEST(comes(sent(2)));
    BOOST_TEST(busy_ms() - before < 200);
}

BOOST_AUTO_TEST_CASE(costs_only_the_metrics_of_the_log_while_it_does_not_answer) {
    deliver();
    BOOST_TEST(comes(sent(1)));
    const auto stopped = only("ceymail-journal");
    ::kill(stopped, SIGSTOP);
    const auto answer = scrape();
    BOOST_TEST(answer.status == 200);
    BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"mail_log\"} 0"));
    BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"cpu\"} 1"));
    BOOST_TEST(responder.log().contains("the journal reader does not answer"));
    ::kill(stopped, SIGCONT);
    deliver();
    BOOST_TEST(comes(sent(2)));
}

BOOST_AUTO_TEST_CASE(goes_on_after_a_restart_of_the_service_and_a_rotation) {
    deliver();
    BOOST_TEST(comes(sent(1)));
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    deliver();
    journald.rotate();
    deliver();
    responder.start();
    BOOST_TEST(comes(sent(3)));
    BOOST_TEST(scrape().has_line("ceymail_mail_log_gaps_total 0"));
}

BOOST_AUTO_TEST_CASE(is_what_check_names_as_the_mail_log) {
    const auto check = [&] {
        return run({.arguments = {built_program("ceymail-metrics"), "--check", "--config", responder.configuration()}})
            .output;
    };
    const auto found = check();
    BOOST_TEST(found.contains("mail log: ok (read from the journal)"), found);
    BOOST_TEST(found.contains("collector mail_log: ok"), found);
    std::filesystem::rename(journald.directory(), journald.directory().string() + ".away");
    const auto missing = check();
    BOOST_TEST(missing.contains("there is no journal"), missing);
    BOOST_TEST(!missing.contains("mail log: ok"), missing);
    std::filesystem::rename(journald.directory().string() + ".away", journald.directory());
}

BOOST_AUTO_TEST_CASE(has_the_busiest_sender_that_check_names_to_root) {
    const auto check = [&] {
        return run({.arguments = {built_program("ceymail-metrics"), "--check", "--config", responder.configuration()}})
            .output;
    };
    BOOST_TEST(check().contains("busiest sender: ok (no account handed in mail within the last hour)"), check());
    const auto hand_in = [&](const std::string& account, uid_t user = 0) {
        journald.log("postfix/submission/smtpd",
                     "E263217867B: client=c[192.0.2.10], sasl_method=PLAIN, sasl_username=" + account, user);
    };
    hand_in("a@example.org");
    hand_in("b@example.org");
    journald.rotate();
    hand_in("a@example.org");
    for (int i = 0; i < 3; ++i) hand_in("forged@example.org", 65534);
    BOOST_TEST(check().contains("busiest sender: ok (\"a@example.org\" handed in 2 messages within the last hour; 2 "
                                "accounts handed in mail)"),
               check());
    // libsystemd loads its library for compressed entries.
    const std::string longest(600, 'x');
    for (int i = 0; i < 3; ++i) hand_in(longest);
    BOOST_TEST(check().contains("busiest sender: ok (\"" + longest.substr(0, 64) + "\"... handed in 3 messages"),
               check());
}

BOOST_AUTO_TEST_CASE(has_more_lines_than_check_reads_and_check_says_of_what_time_it_tells) {
    const TemporaryDirectory directory;
    const auto check_after = [&](std::chrono::nanoseconds time) {
        const auto ahead = static_cast<std::int64_t>(time.count());
        const auto step = directory.write("step", {reinterpret_cast<const char*>(&ahead), sizeof ahead});
        return run({.arguments = {built_program("ceymail-metrics"), "--check", "--config", responder.configuration()},
                    .environment = {"LD_PRELOAD=" +
                                        std::filesystem::absolute(built_program("stepped-clock.so")).string(),
                                    "CEYMAIL_STEPPED_CLOCK=" + step.string()}})
            .output;
    };
    journald.log_many("postfix/cleanup", std::string(4000, 'x'), 10'000);
    journald.sync();
    const auto at_once = check_after(0s);
    BOOST_TEST(at_once.contains("\nbusiest sender: the journal has more lines of mail within the last minute than are "
                                "read here\n"),
               at_once);
    const auto later = check_after(30min);
    BOOST_TEST(later.contains("\nbusiest sender: ok (no account handed in mail within the last 10 minutes, because the "
                              "journal has too many lines of the hour)\n"),
               later);
}

BOOST_AUTO_TEST_CASE(shows_that_lines_were_deleted_while_the_service_was_down) {
    deliver();
    BOOST_TEST(comes(sent(1)));
    BOOST_TEST(responder.stop().value_or(-1) == 0);
    deliver();
    journald.rotate();
    journald.vacuum();
    deliver();
    responder.start();
    BOOST_TEST(comes(sent(2)));
    BOOST_TEST(scrape().has_line("ceymail_mail_log_gaps_total 1"));
}

BOOST_AUTO_TEST_SUITE_END()

// A journal reader that is played by the test, on the other end of the socket.
struct Played {
    std::unique_ptr<maillog::KeptReading> kept = std::make_unique<maillog::KeptReading>();
    std::vector<std::byte> block = std::vector<std::byte>(journal::Journal::k_space);
    util::Fd client, server;
    std::unique_ptr<maillog::JournalFollower> follower;
    std::uint64_t limit = 1 << 20;

    Played() {
        connect_pair(client, server);
        kept->start({});
        follower = std::make_unique<maillog::JournalFollower>(client.get(), *kept, block);
    }

    static std::vector<std::byte> line(const std::string& identifier, const std::string& message) {
        const std::uint32_t sizes[] = {static_cast<std::uint32_t>(identifier.size()),
                                       static_cast<std::uint32_t>(message.size())};
        const auto text = std::string(reinterpret_cast<const char*>(sizes), sizeof sizes) + identifier + message;
        const auto bytes = std::as_bytes(std::span(text));
        return {bytes.begin(), bytes.end()};
    }

    // What it sends, for a request of that number.
    static journal::Reply at_entry(std::uint64_t number) {
        journal::Reply reply;
        reply.number = number;
        reply.position.state = journal::State::at_entry;
        reply.at_end = 1;
        reply.outcome = journal::Outcome::done;
        return reply;
    }

    template <class Answer>
    auto read(Answer answer) {
        std::thread playing([&] {
            pollfd waits{server.get(), POLLIN, 0};
            if (::poll(&waits, 1, 2000) != 1) return;
            if (const auto request = journal::take_request(server.get())) answer(*request);
        });
        auto outcome = follower->read(limit, BootClock::now() + 500ms, BootClock::now());
        playing.join();
        return outcome;
    }

    void send(const journal::Reply& reply, const std::vector<std::byte>& lines) const {
        BOOST_TEST(journal::send_reply(server.get(), reply, lines).has_value());
    }
    [[nodiscard]] std::uint64_t count() const {
        return kept->committed().counters.recipients(maillog::Transport::smtp, maillog::Status::sent);
    }
};

BOOST_FIXTURE_TEST_SUITE(journal_follower, Played)

BOOST_AUTO_TEST_CASE(counts_what_is_sent_and_knows_its_end) {
    const auto outcome =
        read([&](const auto& request) { send(at_entry(request.number), line("postfix/smtp", k_delivery)); });
    BOOST_TEST(outcome.has_value());
    BOOST_TEST(count() == 1U);
    BOOST_TEST((kept->committed().journal.state == journal::State::at_entry));
}

BOOST_AUTO_TEST_CASE(asks_for_the_end_of_the_journal_where_it_has_no_position) {
    auto state = journal::State::at_entry;
    BOOST_TEST(read([&](const auto& request) {
                   state = request.from.state;
                   send(at_entry(request.number), {});
               }).has_value());
    BOOST_TEST((state == journal::State::none));
}

BOOST_AUTO_TEST_CASE(tells_once_what_cpu_time_the_journal_reader_took) {
    for (const std::int64_t ns : {5, 7})
        BOOST_TEST(read([&](const auto& request) {
                       auto reply = at_entry(request.number);
                       reply.cpu_ns = ns;
                       send(reply, {});
                   }).has_value());
    BOOST_TEST(follower->take_cpu_time().count() == 12);
    BOOST_TEST(follower->take_cpu_time().count() == 0);
}

BOOST_AUTO_TEST_CASE(takes_no_answer_that_is_longer_than_its_memory) {
    auto lines = line("postfix/smtp", k_delivery);
    lines.resize(block.size() + 1);
    BOOST_TEST(!read([&](const auto& request) { send(at_entry(request.number), lines); }).has_value());
    BOOST_TEST(count() == 0U);
}

BOOST_AUTO_TEST_CASE(takes_no_answer_to_another_request) {
    const auto outcome = read([&](const auto& request) {
        send(at_entry(request.number - 1), line("postfix/smtp", k_delivery));
        send(at_entry(request.number), {});
    });
    BOOST_TEST(outcome.has_value());
    BOOST_TEST(count() == 0U);
}

BOOST_AUTO_TEST_CASE(counts_what_comes_without_another_position) {
    const auto lines = line("postfix/smtp", k_delivery);
    BOOST_TEST(read([&](const auto& request) { send(at_entry(request.number), {}); }).has_value());
    for (const std::uint64_t foreign : {0, 1})
        BOOST_TEST(read([&](const auto& request) {
                       auto reply = at_entry(request.number);
                       reply.gaps = 1;
                       reply.foreign = foreign;
                       send(reply, {});
                   }).has_value());
    BOOST_TEST(kept->committed().counters.log_gaps == 2U);
    BOOST_TEST(kept->committed().counters.foreign_lines == 1U);
    BOOST_TEST(read([&](const auto& request) {
                   auto reply = at_entry(request.number);
                   reply.foreign = lines.size();
                   send(reply, lines);
               }).has_value());
    BOOST_TEST(count() == 1U);
    BOOST_TEST(kept->committed().counters.foreign_lines == 1U + lines.size());
}

// Otherwise the log reader would go on with a journal reader that never comes to the end.
BOOST_AUTO_TEST_CASE(takes_one_from_the_limit_where_nothing_was_read) {
    const auto outcome = read([&](const auto& request) {
        auto reply = at_entry(request.number);
        reply.at_end = 0;
        send(reply, {});
    });
    BOOST_TEST((outcome && *outcome == maillog::JournalFollower::Outcome::at_limit));
    BOOST_TEST(limit == (1U << 20) - 1);
}

BOOST_AUTO_TEST_CASE(counts_no_line_behind_one_that_is_malformed) {
    auto lines = line("postfix/smtp", k_delivery);
    const auto good = lines;
    lines.resize(lines.size() + 8, std::byte{0xff});
    lines.insert(lines.end(), good.begin(), good.end());
    BOOST_TEST(read([&](const auto& request) { send(at_entry(request.number), lines); }).has_value());
    BOOST_TEST(count() == 1U);
}

BOOST_AUTO_TEST_CASE(skips_a_batch_at_which_it_has_died_again_and_again) {
    for (int i = 0; i < 6; ++i) static_cast<void>(kept->begin());  // and no commit()
    const auto lines = line("postfix/smtp", k_delivery);
    BOOST_TEST(read([&](const auto& request) { send(at_entry(request.number), lines); }).has_value());
    BOOST_TEST(count() == 0U);
    BOOST_TEST(kept->committed().counters.skipped_bytes == lines.size());
    BOOST_TEST(read([&](const auto& request) { send(at_entry(request.number), lines); }).has_value());
    BOOST_TEST(count() == 1U);
}

BOOST_AUTO_TEST_CASE(counts_a_batch_at_which_it_has_died_five_times) {
    for (int i = 0; i < 5; ++i) static_cast<void>(kept->begin());
    const auto lines = line("postfix/smtp", k_delivery);
    BOOST_TEST(read([&](const auto& request) { send(at_entry(request.number), lines); }).has_value());
    BOOST_TEST(count() == 1U);
}

// The time of a file's last change may be 10 ms too early.
BOOST_AUTO_TEST_CASE(goes_on_behind_a_file_and_knows_what_was_unread_of_it) {
    for (const auto state : {maillog::PositionState::at_line, maillog::PositionState::within_line}) {
        auto& reading = kept->begin();
        reading.journal = {};
        reading.counters.skipped_bytes = 0;
        auto& position = reading.position(maillog::Log::mail);
        position.state = state;
        position.file.modified_ns = 5'000'000'000;
        position.file.size = 100;
        position.offset = 60;
        reading.unread(maillog::Log::mail) = 40;
        kept->commit();
        std::uint64_t from = 0;
        BOOST_TEST(read([&](const auto& request) {
                       from = request.from.realtime_us;
                       send(at_entry(request.number), {});
                   }).has_value());
        BOOST_TEST(from == 5'010'000U);
        BOOST_TEST((kept->committed().position(maillog::Log::mail).state == maillog::PositionState::none));
        BOOST_TEST(kept->committed().unread(maillog::Log::mail) == 0U);
        BOOST_TEST(kept->committed().counters.skipped_bytes == 40U);
    }
}

BOOST_AUTO_TEST_CASE(knows_how_far_it_is_behind_without_a_line_as_well) {
    for (const std::uint64_t behind : {7, 0}) {
        BOOST_TEST(read([&](const auto& request) {
                       auto reply = at_entry(request.number);
                       reply.behind_us = behind;
                       send(reply, {});
                   }).has_value());
        BOOST_TEST(kept->committed().journal_behind_us == behind);
    }
}

BOOST_AUTO_TEST_CASE(says_why_it_reads_nothing) {
    const auto silent = read([](const auto&) {});
    BOOST_TEST((!silent && silent.error().kind == util::ErrorKind::timed_out));
    const auto answered_with = [&](journal::Outcome outcome) {
        return read([&](const auto& request) {
            auto reply = at_entry(request.number);
            reply.outcome = outcome;
            send(reply, line("postfix/smtp", k_delivery));
        });
    };
    const auto failed = answered_with(journal::Outcome::failed);
    BOOST_TEST((!failed && failed.error().kind == util::ErrorKind::unavailable));
    const auto none = answered_with(journal::Outcome::no_journal);
    BOOST_TEST((none && *none == maillog::JournalFollower::Outcome::no_journal));
    const auto unknown = answered_with(static_cast<journal::Outcome>(77));
    BOOST_TEST(!unknown.has_value());
    BOOST_TEST(count() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

// The log reader, and a journal reader of the test that always has more.
struct Endless {
    std::unique_ptr<maillog::KeptReading> kept = std::make_unique<maillog::KeptReading>();
    std::atomic<util::AwakeTime> busy{};
    std::atomic<bool> ends = false;
    std::atomic<int> batches = 0;
    std::atomic<std::uint64_t> scanned_bytes = 1;
    util::Fd gatherer, reader, reader_journal, journal, stop{::eventfd(0, EFD_CLOEXEC)};
    std::thread reading, playing;

    Endless() {
        connect_pair(gatherer, reader);
        connect_pair(reader_journal, journal);
        kept->start({});
        reading = std::thread(
            [this] { maillog::serve_log_reader(reader.get(), reader_journal.get(), stop.get(), *kept, busy); });
        playing = std::thread([this] {
            for (pollfd polled[] = {{journal.get(), POLLIN, 0}, {stop.get(), POLLIN, 0}};;) {
                if (::poll(polled, 2, -1) < 1) continue;
                const auto request = journal::take_request(journal.get());
                if (!request) return;
                ++batches;
                auto reply = Played::at_entry(request->number);
                reply.at_end = ends ? 1 : 0;
                reply.scanned_bytes = scanned_bytes;
                static_cast<void>(journal::send_reply(journal.get(), reply, {}));
            }
        });
    }
    ~Endless() {
        ends = true;
        static_cast<void>(::eventfd_write(stop.get(), 1));
        reading.join();
        playing.join();
    }

    // Returns: whether the log reader answers within two seconds.
    [[nodiscard]] bool asked(std::chrono::nanoseconds time, std::uint64_t limit) const {
        const maillog::ReadRequest request{.number = 1,
                                           .deadline_ns = (BootClock::now() + time).time_since_epoch().count(),
                                           .limit = limit,
                                           .follow_journal = 1};
        BOOST_TEST(maillog::send_request(gatherer.get(), request, {}).has_value());
        pollfd waits{gatherer.get(), POLLIN, 0};
        if (::poll(&waits, 1, 2000) != 1) return false;
        return maillog::take_reply(gatherer.get()).has_value();
    }
};

BOOST_FIXTURE_TEST_SUITE(journal_without_end, Endless)

BOOST_AUTO_TEST_CASE(is_read_until_the_deadline) {
    BOOST_TEST(asked(50ms, 1ULL << 40U));
    BOOST_TEST(batches > 1);
}

BOOST_AUTO_TEST_CASE(is_read_one_batch_where_the_deadline_is_over) {
    BOOST_TEST(asked(-1s, 1ULL << 40U));
    BOOST_TEST(batches == 1);
}

BOOST_AUTO_TEST_CASE(is_read_until_the_limit) {
    scanned_bytes = 6;
    BOOST_TEST(asked(60s, 12));
    BOOST_TEST(batches == 2);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(journal_messages)

BOOST_AUTO_TEST_CASE(do_not_wait_for_an_end_that_takes_none) {
    util::Fd ours, theirs;
    connect_pair(ours, theirs);
    util::Result<void> sent;
    for (int i = 0; sent && i < 100'000; ++i) sent = journal::send_request(ours.get(), {});
    BOOST_TEST_REQUIRE(!sent.has_value());
    BOOST_TEST((sent.error().kind == util::ErrorKind::exhausted));
    BOOST_TEST(sent.error().message.contains("the journal reader does not take messages"), sent.error().message);
    theirs.reset();
    const auto gone = journal::send_request(ours.get(), {});
    BOOST_TEST_REQUIRE(!gone.has_value());
    BOOST_TEST((gone.error().kind != util::ErrorKind::exhausted));
    BOOST_TEST(gone.error().message.starts_with("cannot reach the journal reader"), gone.error().message);
}

BOOST_AUTO_TEST_CASE(that_the_log_reader_does_not_take_are_logged) {
    const Journald journald;
    util::Fd ours, theirs, stop{::eventfd(0, EFD_CLOEXEC)};
    connect_pair(ours, theirs);
    std::atomic<util::AwakeTime> busy{};
    const CapturedLog log;
    std::thread serving([&] { journal::serve_reader(theirs.get(), stop.get(), journald.directory(), busy); });
    const auto is_logged = [&] { return log.count("the log reader does not take messages; it is stuck") > 0; };
    for (const auto end = BootClock::now() + 10s; !is_logged() && BootClock::now() < end;) {
        static_cast<void>(journal::send_request(ours.get(), {}));
        std::this_thread::sleep_for(100us);
    }
    BOOST_TEST(is_logged());
    static_cast<void>(::eventfd_write(stop.get(), 1));
    serving.join();
}

// The supervisor replaces a reader that is busy for too long.
BOOST_AUTO_TEST_CASE(keep_the_journal_reader_busy_until_they_are_answered) {
    const Journald journald;
    journald.log_many("postfix/smtp", k_delivery, 500);
    journald.sync();
    util::Fd ours, theirs, stop{::eventfd(0, EFD_CLOEXEC)};
    connect_pair(ours, theirs);
    std::atomic<util::AwakeTime> busy{};
    std::thread serving([&] { journal::serve_reader(theirs.get(), stop.get(), journald.directory(), busy); });
    journal::Request request;
    request.from.state = journal::State::since;
    request.from.realtime_us = 1;
    bool was_busy = false;
    std::vector<std::byte> space(journal::Journal::k_space);
    for (int i = 0; i < 100 && !was_busy; ++i) {
        BOOST_TEST(journal::send_request(ours.get(), request).has_value());
        for (const auto end = BootClock::now() + 10s; !journal::take_reply(ours.get(), space);) {
            was_busy = was_busy || busy.load() != util::AwakeTime{};
            BOOST_TEST_REQUIRE((BootClock::now() < end));
        }
    }
    BOOST_TEST(was_busy);
    BOOST_TEST(eventually([&] { return busy.load() == util::AwakeTime{}; }));
    static_cast<void>(::eventfd_write(stop.get(), 1));
    serving.join();
}

BOOST_AUTO_TEST_CASE(of_another_length_are_no_request) {
    util::Fd ours, theirs;
    connect_pair(ours, theirs);
    const std::string bytes(sizeof(journal::Request) - 1, 'x');
    BOOST_TEST(::send(ours.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0);
    BOOST_TEST(!journal::take_request(theirs.get()).has_value());
    BOOST_TEST(journal::send_request(ours.get(), {.number = 7, .from = {}}).has_value());
    const auto taken = journal::take_request(theirs.get());
    BOOST_TEST((taken && taken->number == 7U));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(journal_without_memory)

// Each call for memory in turn.
BOOST_AUTO_TEST_CASE(is_named_and_no_line_is_lost_or_counted_twice) {
    const Journald journald;
    journald.log("postfix/smtp", k_delivery);
    const TokenDatabase database;
    FailingCalls calls;
    const ResponderProcess responder{database.settings({{"work_budget_percent", "0"},
                                                        {"mail_log", "journal"},
                                                        {"journal_directory", journald.directory().string()}}),
                                     calls.environment()};
    const auto scrape = [&] { return responder.ask({.token = TokenDatabase::k_token, .timeout = "3"}); };
    BOOST_TEST_REQUIRE(eventually([&] { return scrape().has_line("ceymail_mail_log_unread_seconds 0"); }));
    int lines = 0;
    const auto fail = [&](Call call, std::int64_t n) {
        journald.log("postfix/smtp", k_delivery);
        ++lines;
        calls.fail_nth(call, n);
        static_cast<void>(scrape());
        const bool failed = calls.failed() > 0;
        calls.stop();
        return failed;
    };
    for (std::int64_t n = 1; n < 30 && fail(Call::map, n); ++n) continue;
    for (std::int64_t n = 1; n < 400 && fail(Call::memory, n); n += 5) continue;
    const auto is_named = [&] {
        const auto log = responder.log();
        return log.contains("ceymail-metrics/journal reader: cannot ") &&
               log.contains("the journal: Cannot allocate memory\n");
    };
    // Which process finds no memory, and at which of its calls, is chance.
    const auto until = BootClock::now() + 60s;
    for (std::int64_t n = 1; !is_named() && BootClock::now() < until; n = n % 400 + 1) fail(Call::memory, n);
    BOOST_TEST(is_named(), responder.log());
    BOOST_TEST(eventually([&] { return scrape().has_line(sent(lines)); }), scrape().body);
}

BOOST_AUTO_TEST_SUITE_END()

// A file that is shorter than its header says, as after a crash, or on a disk with bad sectors: libsystemd maps it, so
// an access may raise SIGBUS.
BOOST_AUTO_TEST_SUITE(damaged_journal)

BOOST_AUTO_TEST_CASE(costs_only_the_metrics_of_the_log_and_is_left_for_the_next_file) {
    const Journald journald;
    const TemporaryDirectory copy;
    journald.log("postfix/smtp", k_delivery);
    std::filesystem::copy_file(journald.directory() / "system.journal", copy / "system.journal");
    const TokenDatabase database;
    const ResponderProcess responder{database.settings(
        {{"work_budget_percent", "0"}, {"mail_log", "journal"}, {"journal_directory", copy.path().string()}})};
    const auto scrape = [&] { return responder.ask({.token = TokenDatabase::k_token, .timeout = "3"}); };
    BOOST_TEST_REQUIRE(eventually([&] { return scrape().has_line("ceymail_mail_log_unread_seconds 0"); }));
    const auto gatherer = responder.gatherer();
    const util::Fd file(::open((copy / "system.journal").c_str(), O_RDWR | O_CLOEXEC));
    BOOST_TEST(::ftruncate(file.get(), 4096) == 0);
    for (int i = 0; i < 5; ++i) {
        const auto answer = scrape();
        BOOST_TEST(answer.status == 200);
        BOOST_TEST(answer.has_line("ceymail_collector_success{collector=\"cpu\"} 1"));
    }
    BOOST_TEST(responder.gatherer() == gatherer);
    // journald begins another file.
    journald.log("postfix/smtp", k_delivery);
    std::filesystem::remove(copy / "system.journal");
    std::filesystem::copy_file(journald.directory() / "system.journal", copy / "system.journal");
    BOOST_TEST(eventually([&] { return scrape().has_line(sent(1)); }));
}

BOOST_AUTO_TEST_SUITE_END()

// Gatherer's end, log reader and journal reader as threads of this process.
struct Switching {
    const Journald journald;
    TemporaryDirectory directory;
    std::filesystem::path log = directory / "mail.log";
    std::unique_ptr<maillog::KeptReading> kept = std::make_unique<maillog::KeptReading>();
    util::Fd gatherer, reader, reader_journal, journal, stop{::eventfd(0, EFD_CLOEXEC)};
    std::atomic<util::AwakeTime> busy{};
    std::thread reading, serving;
    std::unique_ptr<maillog::ReaderClient> client;

    Switching() {
        connect_pair(gatherer, reader);
        connect_pair(reader_journal, journal);
        kept->start({});
        start_client(0s);
        reading = std::thread(
            [this] { maillog::serve_log_reader(reader.get(), reader_journal.get(), stop.get(), *kept, busy); });
        serving = std::thread(
            [this] { journal::serve_reader(journal.get(), stop.get(), journald.directory(), busy, 100ms); });
    }
    ~Switching() {
        static_cast<void>(::eventfd_write(stop.get(), 1));
        reading.join();
        serving.join();
    }

    void start_client(std::chrono::nanoseconds missing_for) {
        client = std::make_unique<maillog::ReaderClient>(
            gatherer.get(), *kept, maillog::LogPaths{log, {}, maillog::JournalUse::without_file, missing_for});
    }

    void write_to_journal() const { journald.log("postfix/smtp", k_delivery); }
    void write_to_file() const {
        std::ofstream(log, std::ios::app)
            << "2026-11-27T18:14:50.123456+00:00 mail postfix/smtp[7]: " << k_delivery << "\n";
    }
    // As journald and rsyslog together do.
    void write_to_both() const {
        write_to_journal();
        write_to_file();
    }

    std::uint64_t count() const {
        const auto read = client->read(BootClock::now() + 5s);
        BOOST_TEST_REQUIRE(read.has_value(), (read ? "" : read.error().message));
        return *read == nullptr ? 0 : (*read)->counters.recipients(maillog::Transport::smtp, maillog::Status::sent);
    }
    [[nodiscard]] bool reads_journal() const { return kept->committed().journal.state != journal::State::none; }
};

BOOST_FIXTURE_TEST_SUITE(mail_log_source, Switching)

BOOST_AUTO_TEST_CASE(is_the_journal_while_there_is_no_file_and_then_the_file) {
    BOOST_TEST(count() == 0U);
    write_to_journal();
    BOOST_TEST(count() == 1U);
    BOOST_TEST(reads_journal());
    write_to_both();  // rsyslog was installed
    BOOST_TEST(count() == 2U);
    BOOST_TEST(!reads_journal());
    write_to_both();
    write_to_both();
    BOOST_TEST(count() == 4U);
    BOOST_TEST(kept->committed().counters.skipped_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(is_the_journal_again_when_the_file_is_gone) {
    write_to_both();
    BOOST_TEST(count() == 0U);  // the end of the file is the beginning
    write_to_both();
    BOOST_TEST(count() == 1U);
    BOOST_TEST(!reads_journal());
    std::filesystem::remove(log);  // rsyslog was removed
    std::this_thread::sleep_for(20ms);
    write_to_journal();
    BOOST_TEST(count() == 2U);
    BOOST_TEST(reads_journal());
    write_to_journal();
    BOOST_TEST(count() == 3U);
    write_to_both();  // and is there again
    BOOST_TEST(count() == 4U);
    write_to_both();
    BOOST_TEST(count() == 5U);
}

BOOST_AUTO_TEST_CASE(is_a_file_that_is_waited_for_where_there_is_no_journal_either) {
    const auto away = journald.directory().string() + ".away";
    std::filesystem::rename(journald.directory(), away);
    BOOST_TEST(count() == 0U);
    BOOST_TEST(!reads_journal());
    write_to_file();
    BOOST_TEST(count() == 1U);  // from its start
    std::filesystem::rename(away, journald.directory());
    write_to_both();
    BOOST_TEST(count() == 2U);
    BOOST_TEST(!reads_journal());
}

BOOST_AUTO_TEST_CASE(is_missing_where_the_journal_alone_is_named_and_is_not_there) {
    client = std::make_unique<maillog::ReaderClient>(gatherer.get(), *kept,
                                                     maillog::LogPaths{{}, {}, maillog::JournalUse::always});
    const auto away = journald.directory().string() + ".away";
    std::filesystem::rename(journald.directory(), away);
    const auto missing = client->read(BootClock::now() + 5s);
    BOOST_TEST_REQUIRE(!missing.has_value());
    BOOST_TEST((missing.error().kind == util::ErrorKind::not_found), missing.error().message);
    BOOST_TEST(missing.error().message.contains("mail_log = journal"));
    std::filesystem::rename(away, journald.directory());
    write_to_both();  // the file does not count
    BOOST_TEST(count() == 0U);
    write_to_both();
    BOOST_TEST(count() == 1U);
}

// A file that journald has deleted takes up room on the disk while it is open, and what was read of it stays mapped.
BOOST_AUTO_TEST_CASE(is_closed_when_it_was_read_to_its_end_or_nobody_asks_for_it) {
    write_to_journal();
    BOOST_TEST(count() == 0U);
    BOOST_TEST(!names_of_fds(::getpid()).contains("system.journal"));
    write_to_journal();
    BOOST_TEST(count() == 1U);
    BOOST_TEST(!names_of_fds(::getpid()).contains("system.journal"));
    BOOST_TEST(!slurp("/proc/self/maps").contains("system.journal"));
}

BOOST_AUTO_TEST_CASE(is_open_between_two_batches_and_closed_when_no_other_is_asked_for) {
    journald.log_many("postfix/smtp", k_delivery, 3000);
    journald.sync();
    util::Fd ours, theirs;
    connect_pair(ours, theirs);
    std::thread other([&] { journal::serve_reader(theirs.get(), stop.get(), journald.directory(), busy, 300ms); });
    journal::Request request{.number = 1, .from = {}};
    request.from.state = journal::State::since;
    request.from.realtime_us = 1;
    BOOST_TEST(journal::send_request(ours.get(), request).has_value());
    pollfd answered{ours.get(), POLLIN, 0};
    BOOST_TEST(::poll(&answered, 1, 5000) == 1);
    std::vector<std::byte> space(journal::Journal::k_space);
    const auto reply = journal::take_reply(ours.get(), space);
    const auto is_open = [] { return names_of_fds(::getpid()).contains("system.journal"); };
    BOOST_TEST(is_open());
    BOOST_TEST((reply && reply->reply.outcome == journal::Outcome::done && reply->reply.at_end == 0));
    BOOST_TEST(eventually([&] { return !is_open(); }));
    // The second request is cheaper than the first, whose time is not to be counted again.
    BOOST_TEST(reply->reply.cpu_ns > 0);
    const auto before = BootClock::now();
    BOOST_TEST(journal::send_request(ours.get(), {.number = 2, .from = {}}).has_value());
    BOOST_TEST(::poll(&answered, 1, 5000) == 1);
    const auto second = journal::take_reply(ours.get(), space);
    BOOST_TEST((second && second->reply.cpu_ns > 0 && second->reply.cpu_ns < (BootClock::now() - before).count()));
    static_cast<void>(::eventfd_write(stop.get(), 1));
    other.join();
}

BOOST_AUTO_TEST_CASE(stays_the_file_while_that_is_rotated) {
    start_client(1h);
    write_to_both();
    BOOST_TEST(count() == 0U);
    write_to_both();
    BOOST_TEST(count() == 1U);
    std::filesystem::rename(log, log.string() + ".1");
    BOOST_TEST(count() == 1U);
    BOOST_TEST(!reads_journal());
    write_to_journal();
    std::ofstream(log) << "2026-11-27T18:14:51.654321+00:00 mail postfix/smtp[7]: " << k_delivery << "\n";
    BOOST_TEST(count() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
