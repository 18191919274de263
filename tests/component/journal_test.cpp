// SPDX-License-Identifier: MIT
// The journal as the source of the mail log: files of a real systemd-journald, read through libsystemd.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/inotify.h>
#include <unistd.h>

#include "ceymail/journal/files.hpp"
#include "ceymail/journal/journal.hpp"
#include "ceymail/maillog/parser.hpp"
#include "ceymail/util/fd.hpp"
#include "support/forked_child.hpp"
#include "support/journald.hpp"
#include "support/mount_namespace.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::journal {
namespace {

using testing::Journald;
using testing::TemporaryDirectory;

constexpr uid_t k_nobody = 65534;
constexpr std::uint64_t k_long_ago_us = 1;  // a time of this clock before all entries

std::uint64_t now_us() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

// The whole of a journal that follows a position.
struct All {
    std::vector<std::string> messages;
    std::vector<std::string> identifiers;
    std::uint64_t foreign = 0;
    std::uint64_t gaps = 0;
    std::size_t batches = 0;
};

class Reader {
public:
    explicit Reader(std::filesystem::path directory) : m_directory(std::move(directory)) { restart(); }

    // Another process would go on so: with the position alone.
    void restart() { m_journal = std::make_unique<Journal>(m_directory.string()); }
    void move_to(const std::filesystem::path& directory) { m_directory = directory; }

    Batch read(std::uint64_t now = now_us()) {
        const auto batch = m_journal->read(m_position, *m_space, now);
        BOOST_TEST_REQUIRE(batch.has_value(), (batch ? "" : batch.error().message));
        m_position = batch->position;
        return *batch;
    }

    All read_all() {
        All all;
        for (bool at_end = false; !at_end;) {
            const auto batch = read();
            at_end = batch.at_end;
            ++all.batches;
            all.foreign += batch.foreign;
            all.gaps += batch.gaps;
            std::span<const std::byte> lines(m_space->data(), batch.size);
            while (const auto line = next_line(lines)) {
                all.messages.emplace_back(line->message);
                all.identifiers.emplace_back(line->identifier);
            }
            BOOST_TEST_REQUIRE(all.batches < 10'000U);
        }
        return all;
    }

    Position& position() { return m_position; }
    [[nodiscard]] bool has_open_files() const { return m_journal->is_open(); }
    // The lines that the last read() gave.
    [[nodiscard]] std::size_t count(const Batch& batch) const {
        std::size_t count = 0;
        std::span<const std::byte> lines(m_space->data(), batch.size);
        while (next_line(lines)) ++count;
        return count;
    }
    maillog::Counters count_all() {
        auto counters = std::make_unique<maillog::Counters>();
        const auto batch = read();
        std::span<const std::byte> lines(m_space->data(), batch.size);
        while (const auto line = next_line(lines)) maillog::parse_entry(line->identifier, line->message, {}, *counters);
        return *counters;
    }

private:
    std::filesystem::path m_directory;
    std::unique_ptr<Journal> m_journal;
    std::unique_ptr<std::array<std::byte, Journal::k_space>> m_space =
        std::make_unique<std::array<std::byte, Journal::k_space>>();
    Position m_position{};
};

struct Running {
    Journald journald;
    Reader reader{journald.directory()};

    Running() {
        BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
        journald.log("postfix/smtp", "before");
        static_cast<void>(reader.read());
    }
};

const auto same = boost::test_tools::per_element();
using Messages = std::vector<std::string>;

BOOST_FIXTURE_TEST_SUITE(journal, Running)

BOOST_AUTO_TEST_CASE(begins_at_its_end_and_gives_each_line_once) {
    BOOST_TEST(reader.read_all().messages.empty());
    journald.log("postfix/smtp", "one");
    journald.log("postfix/smtp", "two");
    const auto both = reader.read_all();
    BOOST_TEST(both.messages == (Messages{"one", "two"}), same);
    BOOST_TEST(both.identifiers == (Messages{"postfix/smtp", "postfix/smtp"}), same);
    BOOST_TEST(reader.read_all().messages.empty());
    journald.log("postfix/smtp", "three");
    BOOST_TEST(reader.read_all().messages == (Messages{"three"}), same);
}

BOOST_AUTO_TEST_CASE(goes_on_from_a_position_in_another_process) {
    journald.log("postfix/smtp", "one");
    reader.restart();
    BOOST_TEST(reader.read_all().messages == (Messages{"one"}), same);
    reader.restart();
    BOOST_TEST(reader.read_all().messages.empty());
    journald.log("postfix/smtp", "two");
    reader.restart();
    BOOST_TEST(reader.read_all().messages == (Messages{"two"}), same);
}

// The clock of the boot before had come further.
BOOST_AUTO_TEST_CASE(goes_on_after_a_reboot) {
    auto& position = reader.position();
    ++position.seqnum_id[0];
    ++position.boot_id[0];
    position.monotonic_us += 1'000'000'000'000;
    position.realtime_us += 1;
    for (const auto* const message : {"one", "two"}) journald.log("postfix/smtp", message);
    BOOST_TEST(reader.read_all().messages == (Messages{"one", "two"}), same);
}

BOOST_AUTO_TEST_CASE(without_a_line_of_mail_begins_at_the_present) {
    const Journald other;
    Reader first(other.directory());
    BOOST_TEST(first.read_all().messages.empty());
    BOOST_TEST((first.position().state == State::since));
    other.log("postfix/smtp", "one");
    first.restart();
    BOOST_TEST(first.read_all().messages == (Messages{"one"}), same);
    BOOST_TEST(first.read_all().messages.empty());
}

BOOST_AUTO_TEST_CASE(loses_no_line_when_its_files_are_rotated) {
    Messages written, found;
    for (int i = 0; i < 20; ++i) {
        written.push_back("before rotation " + std::to_string(i));
        journald.log("postfix/smtp", written.back());
        journald.rotate();
        written.push_back("after rotation " + std::to_string(i));
        journald.log("postfix/smtp", written.back());
        if (i % 7 == 0) reader.restart();
        if (i % 3 == 0)
            for (auto& message : reader.read_all().messages) found.push_back(std::move(message));
    }
    const auto rest = reader.read_all();
    found.insert(found.end(), rest.messages.begin(), rest.messages.end());
    BOOST_TEST(found == written, same);
    BOOST_TEST(rest.gaps == 0U);
}

// Of another entry after the files were read to their end: the new file has no older one, but nothing is missing.
BOOST_AUTO_TEST_CASE(misses_nothing_where_it_has_opened_the_new_file_alone) {
    journald.log("postfix/smtp", "one");
    journald.rotate();
    BOOST_TEST(reader.read_all().messages.size() == 1U);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    journald.log("postfix/smtp", "two");
    const auto all = reader.read_all();
    BOOST_TEST(all.messages == (Messages{"two"}), same);
    BOOST_TEST(all.gaps == 0U);
}

// As where it looks while journald has archived the one and not made the other yet.
BOOST_AUTO_TEST_CASE(misses_nothing_where_the_next_file_comes_after_the_last_one_was_read) {
    const auto file = journald.directory() / "system.journal";
    const TemporaryDirectory copy;
    journald.log("postfix/smtp", "one");
    std::filesystem::copy_file(file, copy / "system@1.journal");
    Reader follower(copy.path());
    follower.position() = {.realtime_us = k_long_ago_us, .checked_us = now_us(), .state = State::since};
    BOOST_TEST(follower.read_all().messages == (Messages{"before", "one"}), same);
    journald.rotate();
    journald.log("postfix/smtp", "two");
    std::filesystem::copy_file(file, copy / "system.journal");
    const auto all = follower.read_all();
    BOOST_TEST(all.messages == (Messages{"two"}), same);
    BOOST_TEST(all.gaps == 0U);
}

BOOST_AUTO_TEST_CASE(opens_no_file_again_that_is_read_and_written_no_more) {
    for (int i = 0; i < 5; ++i) {
        journald.log("postfix/smtp", "read");
        journald.rotate();
    }
    static_cast<void>(reader.read_all());
    journald.log("postfix/smtp", "next");
    const util::Fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    BOOST_TEST_REQUIRE(::inotify_add_watch(watch.get(), journald.directory().c_str(), IN_OPEN) >= 0);
    BOOST_TEST(reader.read_all().messages == (Messages{"next"}), same);
    std::string events(1 << 16, '\0');
    const auto got = ::read(watch.get(), events.data(), events.size());
    events.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    BOOST_TEST(events.contains("system.journal"));
    BOOST_TEST(!events.contains("system@"));
}

BOOST_AUTO_TEST_CASE(gives_the_others_lines_where_one_file_is_damaged) {
    journald.log("postfix/smtp", "lost");
    journald.rotate();
    journald.sync();  // it deletes archived files that are empty when it has rotated
    for (const auto& entry : std::filesystem::directory_iterator(journald.directory()))
        if (entry.path().filename().string().starts_with("system@")) std::filesystem::resize_file(entry.path(), 0);
    journald.log("postfix/smtp", "next");
    BOOST_TEST(reader.read_all().messages == (Messages{"next"}), same);
    BOOST_TEST(journald.files() == 2, "the damaged one is still there");
}

// While lines come, the files are rotated, and the process is replaced now and then.
BOOST_AUTO_TEST_CASE(gives_each_line_once_while_files_are_rotated_under_its_hands) {
    constexpr int k_rounds = 40, k_lines = 25;
    std::atomic<bool> ended = false;
    std::thread writing([&] {
        for (int i = 0; i < k_rounds; ++i) {
            for (int k = 0; k < k_lines; ++k) journald.log_many("postfix/smtp", std::to_string(i * k_lines + k), 1);
            journald.sync();
            journald.rotate();
        }
        ended = true;
    });
    Messages found;
    std::uint64_t gaps = 0;
    for (int i = 0; !ended; ++i) {
        if (i % 50 == 49) reader.restart();
        const auto all = reader.read_all();
        gaps += all.gaps;
        found.insert(found.end(), all.messages.begin(), all.messages.end());
    }
    writing.join();
    const auto rest = reader.read_all();
    found.insert(found.end(), rest.messages.begin(), rest.messages.end());
    Messages written;
    for (int i = 0; i < k_rounds * k_lines; ++i) written.push_back(std::to_string(i));
    BOOST_TEST(found == written, same);
    BOOST_TEST(gaps + rest.gaps == 0U);
}

BOOST_AUTO_TEST_CASE(says_that_lines_are_missing_where_files_were_deleted_unread) {
    journald.log("postfix/smtp", "lost");
    reader.restart();  // while the service is down
    journald.rotate();
    journald.vacuum();
    journald.log("postfix/smtp", "kept");
    const auto all = reader.read_all();
    BOOST_TEST(all.messages == (Messages{"kept"}), same);
    BOOST_TEST(all.gaps == 1U);
    BOOST_TEST(reader.read_all().gaps == 0U);
    reader.restart();
    BOOST_TEST(reader.read_all().gaps == 0U);
}

BOOST_AUTO_TEST_CASE(says_once_that_lines_are_missing_where_none_has_come_since) {
    journald.log("postfix/smtp", "lost");
    reader.restart();
    journald.rotate();
    journald.vacuum();
    journald.log_other("cron", "after the rotation");
    BOOST_TEST(reader.read_all().gaps == 1U);
    reader.restart();
    BOOST_TEST(reader.read_all().gaps == 0U);
}

BOOST_AUTO_TEST_CASE(begins_behind_a_time_with_the_next_microsecond) {
    journald.log("postfix/smtp", "one");
    BOOST_TEST(reader.read_all().messages.size() == 1U);
    const auto time = reader.position().realtime_us;
    for (const std::uint64_t earlier : {0, 1}) {
        Reader again(journald.directory());
        again.position() = {.realtime_us = time - earlier, .checked_us = now_us(), .state = State::since};
        BOOST_TEST(again.read_all().messages.size() == earlier);
    }
}

BOOST_AUTO_TEST_CASE(notes_every_ten_minutes_that_it_was_read) {
    journald.log("postfix/smtp", "one");
    const auto now = now_us();
    BOOST_TEST(reader.read(now).at_end);
    BOOST_TEST(reader.position().checked_us == now);
    BOOST_TEST(reader.read(now + 599'999'999).at_end);
    BOOST_TEST(reader.position().checked_us == now);
    BOOST_TEST(reader.read(now + 600'000'000).at_end);
    BOOST_TEST(reader.position().checked_us == now + 600'000'000);
}

BOOST_AUTO_TEST_CASE(is_read_2000_entries_at_a_time) {
    journald.log_many("postfix/smtp", "x", 2500);
    journald.sync();
    Reader again(journald.directory());
    again.position() = {.realtime_us = k_long_ago_us, .checked_us = now_us(), .state = State::since};
    const auto batch = again.read();
    BOOST_TEST(again.count(batch) == 2000U);
}

BOOST_AUTO_TEST_CASE(misses_nothing_where_only_read_lines_were_deleted) {
    journald.log("postfix/smtp", "read");
    BOOST_TEST(reader.read_all().messages.size() == 1U);
    journald.rotate();
    journald.log_other("cron", "after the rotation");
    BOOST_TEST(reader.read_all().messages.empty());
    journald.vacuum();
    auto all = reader.read_all();
    BOOST_TEST(all.messages.empty());
    BOOST_TEST(all.gaps == 0U);
    journald.log("postfix/smtp", "next");
    all = reader.read_all();
    BOOST_TEST(all.messages == (Messages{"next"}), same);
    BOOST_TEST(all.gaps == 0U);
}

BOOST_AUTO_TEST_CASE(gives_no_line_of_another_users_process) {
    journald.log("postfix/smtp", "forged", k_nobody);
    journald.log("postfix/smtp", "true");
    const auto all = reader.read_all();
    BOOST_TEST(all.messages == (Messages{"true"}), same);
    BOOST_TEST(all.foreign == 1U);  // journald keeps those of nobody with those of the system
}

BOOST_AUTO_TEST_CASE(gives_a_message_with_line_ends_as_one_line) {
    const std::string forged =
        "connect from x\nNov 28 02:00:00 mail postfix/smtp[7]: 9767E1786E4: to=<a@example.org>, "
        "relay=mx[192.0.2.1]:25, "
        "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n";
    journald.log_natively("postfix/smtpd", forged + "\n" + std::string(1, '\0') + "end");
    journald.log_natively("postfix/smtpd", std::string(3, '\0'));
    journald.log_natively("postfix/smtp",
                          "9767E1786E4: to=<a@example.org>, relay=mx.example.net[192.0.2.1]:25, "
                          "delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n");
    const auto counters = reader.count_all();
    BOOST_TEST(counters.lines(maillog::Daemon::postfix) == 3U);
    BOOST_TEST(counters.recipients(maillog::Transport::smtp, maillog::Status::sent) == 1U);
}

BOOST_AUTO_TEST_CASE(cuts_a_huge_message_and_gives_the_next_line) {
    journald.log_natively("postfix/smtp", std::string(1 << 20, 'x'));
    journald.log_natively(std::string(3000, 'y'), "short");
    journald.log("postfix/smtp", "next");
    const auto all = reader.read_all();
    BOOST_TEST_REQUIRE(all.messages.size() == 3U);
    BOOST_TEST(all.messages[0] == std::string(k_longest_message, 'x'));
    BOOST_TEST(all.messages[1] == "short");
    BOOST_TEST(all.messages[2] == "next");
    BOOST_TEST(all.identifiers[1] == std::string(k_longest_identifier, 'y'));
}

// As of syslog's lines.
BOOST_AUTO_TEST_CASE(gives_a_message_without_the_line_end_behind_it) {
    journald.log_natively("postfix/smtp", "one\n");
    journald.log_natively("postfix/smtp", "\n");
    journald.log_natively("postfix/smtp", "two\n\n");
    BOOST_TEST(reader.read_all().messages == (Messages{"one", "", "two\n"}), same);
}

// journald compresses fields of 512 bytes and more.
BOOST_AUTO_TEST_CASE(gives_a_compressed_message_whole) {
    const auto message = "start " + std::string(1500, 'z') + " end";
    journald.log_natively("postfix/smtp", message);
    BOOST_TEST(reader.read_all().messages == (Messages{message}), same);
}

// Both are decompressed into the same memory of libsystemd.
BOOST_AUTO_TEST_CASE(gives_a_compressed_identifier_beside_a_compressed_message) {
    const auto message = std::string(1500, 'z');
    journald.log_natively(std::string(1500, 'y'), message);
    const auto all = reader.read_all();
    BOOST_TEST(all.messages == (Messages{message}), same);
    BOOST_TEST(all.identifiers == (Messages{std::string(k_longest_identifier, 'y')}), same);
}

BOOST_AUTO_TEST_CASE(is_not_behind_at_its_end_whatever_other_lines_there_are) {
    journald.log("postfix/smtp", "one");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    journald.log_other("cron", "later");
    const auto batch = reader.read();
    BOOST_TEST(batch.at_end);
    BOOST_TEST(batch.behind_us == 0U);
}

BOOST_AUTO_TEST_CASE(is_known_to_be_read_when_it_begins_at_its_end) {
    Reader first(journald.directory());
    const auto now = now_us();
    static_cast<void>(first.read(now));
    BOOST_TEST(first.position().checked_us == now);
}

// Here the last line leaves room for a longest line to the byte, and one more comes.
BOOST_AUTO_TEST_CASE(is_read_as_long_as_the_longest_line_would_fit) {
    constexpr std::size_t k_header = 8, k_lines = 40;
    const std::string identifier = "postfix/smtp";
    const auto room = Journal::k_space - (k_header + k_longest_identifier + k_longest_message);
    static_assert((Journal::k_space - (k_header + k_longest_identifier + k_longest_message)) % k_lines == 0);
    const std::string message(room / k_lines - k_header - identifier.size(), 'x');
    journald.log_many(identifier, message, k_lines + 2);
    journald.sync();
    const auto batch = reader.read();
    BOOST_TEST(reader.count(batch) == k_lines + 1);
    BOOST_TEST(!batch.at_end);
}

// The log reader stops at a limit of work, and lines of another program cost too.
BOOST_AUTO_TEST_CASE(costs_the_bytes_of_its_lines_and_64_for_each_entry) {
    journald.log("postfix/smtp", "one");
    journald.log("postfix/smtp", "forged", k_nobody);
    const auto batch = reader.read();
    BOOST_TEST(reader.count(batch) == 1U);
    BOOST_TEST(batch.foreign == 1U);
    BOOST_TEST(batch.scanned_bytes - batch.size == 3 * 64U);  // and the one that was read last
}

BOOST_AUTO_TEST_CASE(is_closed_at_its_end_unless_it_is_to_be_kept_open) {
    for (const auto files : {Journal::Files::closed_at_end, Journal::Files::kept_open}) {
        const auto space = std::make_unique<std::array<std::byte, Journal::k_space>>();
        Journal opened(journald.directory().string(), files);
        const auto batch = opened.read({.realtime_us = k_long_ago_us, .state = State::since}, *space, now_us());
        BOOST_TEST_REQUIRE(batch.has_value());
        BOOST_TEST(batch->at_end);
        BOOST_TEST(opened.is_open() == (files == Journal::Files::kept_open));
    }
}

// What was read stays mapped while the files are open: they are closed after two MiB and opened again.
BOOST_AUTO_TEST_CASE(is_open_between_two_batches_but_not_between_all) {
    journald.log_many("postfix/smtp", std::string(200, 'x'), 15'000);
    journald.sync();
    std::uint64_t scanned = 0;
    for (auto batch = reader.read(); !batch.at_end; batch = reader.read()) {
        scanned += batch.scanned_bytes;
        BOOST_TEST(reader.has_open_files() == (scanned <= 2U << 20U), scanned);
        if (!reader.has_open_files()) scanned = 0;
    }
    BOOST_TEST(scanned < 2U << 20U);
}

BOOST_AUTO_TEST_CASE(gives_the_rest_of_a_file_that_was_closed_within_it_and_is_written_no_more) {
    constexpr int k_lines = 10'000;  // more than are read before the files are closed
    journald.log_many("postfix/smtp", std::string(200, 'x'), k_lines);
    journald.sync();
    journald.rotate();
    const auto all = reader.read_all();
    BOOST_TEST(all.messages.size() == k_lines);
    BOOST_TEST(all.gaps == 0U);
}

// Of a log reader that was killed before it counted them: the journal reader goes on.
BOOST_AUTO_TEST_CASE(gives_lines_again_from_an_earlier_position) {
    const auto earlier = reader.position();
    journald.log("postfix/smtp", "one");
    journald.rotate();
    BOOST_TEST(reader.read_all().messages.size() == 1U);
    reader.position() = earlier;
    BOOST_TEST(reader.read_all().messages == (Messages{"one"}), same);
    constexpr int k_lines = 3000;
    journald.log_many("postfix/smtp", "later", k_lines);
    journald.sync();
    BOOST_TEST(!reader.read().at_end);
    BOOST_TEST(reader.has_open_files());
    reader.position() = earlier;
    const auto all = reader.read_all();
    BOOST_TEST(all.messages.size() == k_lines + 1U);
    BOOST_TEST(all.messages.front() == "one");
    BOOST_TEST(all.gaps == 0U);
}

// As journald stamps all lines that a service prints at once.
BOOST_AUTO_TEST_CASE(gives_each_of_two_lines_with_the_same_time_once) {
    journald.log_many("postfix/smtp", "earlier", Journal::k_most_entries - 2);
    journald.sync();
    journald.log_by_stream("postfix/smtp", "one\ntwo\n");
    static_cast<void>(reader.read());  // ends behind "one"
    const auto one = reader.position();
    reader.restart();
    BOOST_TEST(reader.read_all().messages == (Messages{"two"}), same);
    BOOST_TEST(reader.position().monotonic_us == one.monotonic_us);
    BOOST_TEST(reader.position().seqnum == one.seqnum + 1);
}

BOOST_AUTO_TEST_CASE(is_read_in_bounded_batches_and_says_how_far_it_is_behind) {
    constexpr int k_lines = 20'000;  // more than are read before the files are opened again
    journald.log_many("postfix/smtp", std::string(200, 'x'), k_lines);
    journald.sync();
    const auto before = reader.position();
    const auto first = reader.read();
    BOOST_TEST(!first.at_end);
    BOOST_TEST(first.size > 0U);
    BOOST_TEST(first.size <= Journal::k_space);
    BOOST_TEST(first.behind_us > 0U);
    BOOST_TEST(first.behind_us < now_us() - before.realtime_us);
    BOOST_TEST(first.position.checked_us == before.checked_us);
    const auto rest = reader.read_all();
    BOOST_TEST(rest.batches > 5U);
    BOOST_TEST(reader.read().behind_us == 0U);
    Reader again(journald.directory());
    again.position() = {.realtime_us = k_long_ago_us, .checked_us = now_us(), .state = State::since};
    BOOST_TEST(again.read_all().messages.size() == k_lines + 1U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(journal_storage)

BOOST_AUTO_TEST_CASE(may_be_volatile_and_then_gives_no_line_of_a_user_either) {
    const Journald journald(Journald::Storage::volatile_only);
    Reader reader(journald.directory());
    journald.log("postfix/smtp", "before");
    static_cast<void>(reader.read());
    journald.log("postfix/smtp", "forged", k_nobody);
    journald.log("postfix/smtp", "true");
    const auto all = reader.read_all();
    BOOST_TEST(all.messages == (Messages{"true"}), same);
    BOOST_TEST(all.foreign == 1U);
}

BOOST_AUTO_TEST_CASE(may_become_persistent_and_then_gives_no_line_twice) {
    Journald journald(Journald::Storage::volatile_until_flush);
    Reader reader(journald.directory());
    journald.log("postfix/smtp", "before");
    static_cast<void>(reader.read());
    journald.log("postfix/smtp", "one");
    BOOST_TEST(reader.read_all().messages == (Messages{"one"}), same);
    journald.log("postfix/smtp", "two");
    journald.flush();
    reader.move_to(journald.directory());
    reader.restart();
    BOOST_TEST(reader.read_all().messages == (Messages{"two"}), same);
}

BOOST_AUTO_TEST_CASE(is_none_where_there_is_no_file) {
    const TemporaryDirectory empty;
    for (const auto& directory : {empty.path(), empty / "missing"}) {
        const auto space = std::make_unique<std::array<std::byte, Journal::k_space>>();
        const auto batch = Journal(directory.string()).read({}, *space, now_us());
        BOOST_TEST_REQUIRE(!batch.has_value());
        BOOST_TEST((batch.error().kind == util::ErrorKind::not_found), batch.error().message);
    }
}

BOOST_AUTO_TEST_CASE(is_the_one_of_this_machine_in_both_places) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    testing::ForkedChild child([] {
        if (!testing::enter_mount_namespace()) return 1;
        const auto id = testing::slurp("/etc/machine-id").substr(0, 32);
        Messages wanted;
        for (const std::string log : {"/run/log", "/var/log"}) {
            std::filesystem::create_directories(log);
            if (::mount("tmpfs", log.c_str(), "tmpfs", 0, nullptr) != 0) return 2;
            wanted.push_back(log + "/journal/" + id + "/system.journal");
            for (const auto& file : {wanted.back(), log + "/journal/system.journal",
                                     log + "/journal/00000000000000000000000000000000/system.journal"}) {
                std::filesystem::create_directories(std::filesystem::path(file).parent_path());
                std::ofstream(file).put('x');
            }
        }
        return list_files("") == wanted ? 0 : 3;
    });
    BOOST_TEST(child.wait() == 0);
}

// Files that journald made, renamed much faster than it does. To look at those of the users takes time.
BOOST_AUTO_TEST_CASE(passes_over_no_file_that_is_renamed_while_it_is_opened) {
    constexpr int k_files = 6, k_rounds = 100;
    const Journald journald;
    const TemporaryDirectory directory;
    const auto copy = [&](int i) { return directory / ("copy" + std::to_string(i)); };
    Messages written;
    for (int i = 0; i < k_files; ++i) {
        written.push_back(std::to_string(i));
        journald.log("postfix/smtp", written.back());
        std::filesystem::copy_file(journald.directory() / "system.journal", copy(i));
        journald.rotate();
    }
    for (int i = 0; i < 2000; ++i) directory.write("journal/user-" + std::to_string(i) + ".journal", "");
    const auto active = directory / "journal/system.journal";
    const auto archived = [&](int i) { return directory / ("journal/system@" + std::to_string(i) + ".journal"); };
    for (int round = 0; round < k_rounds; ++round) {
        for (int i = 1; i < k_files; ++i) std::filesystem::remove(archived(i));
        std::filesystem::remove(active);
        std::filesystem::create_hard_link(copy(0), active);
        Reader reader(directory / "journal");
        reader.position() = {.realtime_us = k_long_ago_us, .checked_us = now_us(), .state = State::since};
        std::thread rotating([&] {
            for (int i = 1; i < k_files; ++i) {
                std::filesystem::rename(active, archived(i));
                std::filesystem::create_hard_link(copy(i), active);
                const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(round % 100);
                while (std::chrono::steady_clock::now() < end) continue;
            }
        });
        auto found = reader.read_all().messages;
        rotating.join();
        for (auto& message : reader.read_all().messages) found.push_back(std::move(message));
        BOOST_TEST_REQUIRE(found == written, "round " << round << ": " << found.size());
    }
}

BOOST_AUTO_TEST_CASE(costs_itself_alone_where_its_files_are_damaged) {
    const Journald journald;
    journald.log("postfix/smtp", "one");
    const TemporaryDirectory copy;
    const auto file = copy / "system.journal";
    std::filesystem::copy_file(journald.directory() / "system.journal", file);
    const auto size = std::filesystem::file_size(file);
    for (const auto length : {size / 2, std::uintmax_t{300}, std::uintmax_t{100}, std::uintmax_t{0}}) {
        std::filesystem::resize_file(file, length);
        const auto space = std::make_unique<std::array<std::byte, Journal::k_space>>();
        Journal damaged(copy.path().string());
        const auto batch =
            damaged.read({.realtime_us = 1, .checked_us = now_us(), .state = State::since}, *space, now_us());
        BOOST_TEST((batch.has_value() || !batch.error().message.empty()));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::journal
