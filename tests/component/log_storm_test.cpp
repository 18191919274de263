// SPDX-License-Identifier: MIT
// A writer logs 1,500 lines a second, the log is rotated, and what reads it is killed again and again: Follower alone,
// and gatherer and log reader, each a process of its own.
// CEYMAIL_TORTURE=full, as in make log-storm: 50 rotations of each kind instead of 6.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/follower.hpp"
#include "ceymail/maillog/log_reader.hpp"
#include "ceymail/maillog/open_log.hpp"
#include "ceymail/maillog/reader_client.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"
#include "support/socket_pair.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::maillog;
using namespace std::chrono_literals;
using testing::ForkedChild;
using testing::SharedValue;
using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr auto k_line_interval = 1s / 1500.0;
constexpr std::size_t k_line_bytes = 75;
constexpr auto k_timeout = 60s;

int rotations() {
    const char* const asked = std::getenv("CEYMAIL_TORTURE");
    return asked != nullptr && std::string_view(asked) == "full" ? 50 : 6;
}

enum class Writes { whole_lines, some_in_two_halves };

// Each line has the number of the line in it.
std::string line(std::uint64_t number) {
    std::array<char, 128> text{};
    const int length = std::snprintf(text.data(), text.size(),
                                     "2026-11-27T18:13:22.784123+00:00 mx1 postfix/qmgr[7]: A%010llu: removed\n",
                                     static_cast<unsigned long long>(number));
    return {text.data(), static_cast<std::size_t>(length)};
}

struct Control {
    std::atomic<bool> hangup;  // the writer opens the log again, as rsyslog does at SIGHUP, and clears it
    std::atomic<bool> stop;
    std::atomic<std::uint64_t> written;
};

int write_log(const fs::path& log, Control& control, Writes writes) {
    const auto open_again = [&] {
        return util::Fd(::open(log.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
    };
    const auto write = [](const util::Fd& fd, std::string_view text) {
        return ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    };
    auto fd = open_again();
    auto next = Clock::now();
    for (std::uint64_t number = 0; !control.stop; ++number) {
        const auto text = line(number);
        const auto first = writes == Writes::some_in_two_halves && number % 50 == 0 ? text.size() / 2 : text.size();
        if (!write(fd, std::string_view(text).substr(0, first))) return 1;
        if (first < text.size()) {
            ::usleep(1500);
            if (!write(fd, std::string_view(text).substr(first))) return 1;
        }
        ++control.written;
        if (control.hangup) {
            fd = open_again();
            control.hangup = false;
        }
        next += std::chrono::duration_cast<Clock::duration>(k_line_interval);
        std::this_thread::sleep_until(next);
    }
    return 0;
}

// As gatherer and log reader do together: hands the files over when another one has the name of the log.
int read_log(const fs::path& log, KeptReading& kept) {
    const auto block = std::make_unique<LineBlock>();
    Follower follower(kept, Log::mail, *block);
    struct stat seen{};
    for (bool is_lost = true;; ::usleep(3000)) {
        struct stat status{};
        if (::stat(log.c_str(), &status) != 0) continue;  // renamed, and not made yet
        if (is_lost || status.st_ino != seen.st_ino) {
            auto files = open_log_files(log);
            if (!files || !follower.hand_over(std::move(*files))) return 2;
            seen = status;
        }
        const auto progress = follower.read(64 * k_line_bytes, util::BootTime{});
        if (!progress) return 3;
        is_lost = progress->lost_place;
    }
}

int gather(const fs::path& log, int socket, const KeptReading& kept) {
    ReaderClient client(socket, kept, {.mail = log, .fail2ban = {}});
    for (;; ::usleep(3000)) static_cast<void>(client.read(util::BootClock::now() + 2s));
}

int serve(int socket, KeptReading& kept) {
    const util::Fd never(::eventfd(0, EFD_CLOEXEC));
    std::atomic<util::AwakeTime> busy{};
    serve_log_reader(socket, -1, never.get(), kept, busy);
    return 0;
}

enum class Readers { one_process, gatherer_and_log_reader };

struct Storm {
    explicit Storm(Writes writes, Readers readers = Readers::one_process)
        : m_writes(writes), m_writer([this] {
              while (!m_begin) ::usleep(1000);
              return write_log(log, *control, m_writes);
          }) {
        BOOST_TEST_REQUIRE(line(0).size() == k_line_bytes);
        kept->start({1, 2});
        directory.write("mail.log", "", fs::perms{0640});
        if (readers == Readers::one_process) {
            m_bodies.emplace_back([this] { return read_log(log, *kept); });
        } else {
            // As the supervisor, which keeps both ends.
            testing::connect_pair(m_ends[0], m_ends[1]);
            m_bodies.emplace_back([this] { return gather(log, m_ends[0].get(), *kept); });
            m_bodies.emplace_back([this] { return serve(m_ends[1].get(), *kept); });
        }
        for (const auto& body : m_bodies) m_readers.emplace_back(body);
        wait_until([&] { return reading().position(Log::mail).state != PositionState::none; });
        m_begin.store(true);
    }

    // At about one of two places where it is asked, each reader by itself.
    void perhaps_kill() {
        std::this_thread::sleep_for(std::chrono::microseconds(m_random() % 8000));
        for (std::size_t i = 0; i < m_readers.size(); ++i) {
            if (m_random() % 2 == 0) continue;
            kill(i);
            respawn(i);
        }
    }
    void kill_all() {
        for (std::size_t i = 0; i < m_readers.size(); ++i) kill(i);
    }
    // With the writer stopped and all readers dead, so that the reading that is kept is all that was seen.
    // Returns: bytes that are in no file and that no reader has seen: written after its last look at the log, and not
    // in the copy.
    [[nodiscard]] std::uint64_t truncate_while_all_stand_still() {
        std::this_thread::sleep_for(std::chrono::microseconds(m_random() % 8000));
        m_writer.signal(SIGSTOP);
        m_writer.wait_until_stopped();
        kill_all();
        const auto written = fs::file_size(log);
        // A line that was written between its fstat(2) and its pread(2) was read beyond the size.
        const auto& position = reading().position(Log::mail);
        const auto known = std::max<std::uint64_t>({position.file.size, position.offset, fs::file_size(rotated)});
        fs::resize_file(log, 0);
        m_writer.signal(SIGCONT);
        for (std::size_t i = 0; i < m_readers.size(); ++i) respawn(i);
        return written - known;
    }

    static void wait_until(const std::function<bool()>& condition) {
        const auto deadline = Clock::now() + k_timeout;
        while (!condition()) {
            BOOST_TEST_REQUIRE((Clock::now() < deadline), "the reader does not get on");
            std::this_thread::sleep_for(1ms);
        }
    }
    [[nodiscard]] Reading& reading() {
        while (!kept->load(*m_copy)) std::this_thread::sleep_for(1ms);
        return *m_copy;
    }
    // A host's reader has a week from one rotation to the next. `before`: start_hash() before this one.
    void wait_until_reader_is_in_the_new_file(std::uint64_t before) {
        wait_until([&] {
            const auto& position = reading().position(Log::mail);
            struct stat status{};
            return position.start_hash != before && position.start_hash != 0 && ::stat(log.c_str(), &status) == 0 &&
                   position.file.inode == status.st_ino;
        });
    }
    [[nodiscard]] std::uint64_t start_hash() { return reading().position(Log::mail).start_hash; }
    void finish() {
        control->stop = true;
        BOOST_TEST(m_writer.wait() == 0);
        wait_until([&] {
            const auto& position = reading().position(Log::mail);
            return position.offset == fs::file_size(log) && reading().unread(Log::mail) == 0;
        });
        m_readers.clear();
    }

    [[nodiscard]] std::uint64_t counted() {
        const auto& values = reading().counters.lines.values;
        return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
    }
    [[nodiscard]] std::uint64_t unparsed() {
        const auto& values = reading().counters.unparsed.values;
        return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
    }
    [[nodiscard]] std::uint64_t skipped() { return reading().counters.skipped_bytes; }

    testing::TemporaryDirectory directory;
    fs::path log = directory / "mail.log";
    fs::path rotated = directory / "mail.log.1";
    SharedValue<Control> control;
    SharedValue<KeptReading> kept;
    int kills = 0;

private:
    void kill(std::size_t reader) {
        m_readers[reader].signal(SIGKILL);
        BOOST_TEST_REQUIRE(m_readers[reader].wait() == -SIGKILL);
        ++kills;
    }
    void respawn(std::size_t reader) { m_readers[reader] = ForkedChild(m_bodies[reader]); }

    Writes m_writes;
    SharedValue<std::atomic<bool>> m_begin_value;
    std::atomic<bool>& m_begin = *m_begin_value;
    std::unique_ptr<Reading> m_copy = std::make_unique<Reading>();
    std::minstd_rand m_random{static_cast<unsigned>(::getpid())};
    std::array<util::Fd, 2> m_ends;
    std::vector<std::function<int()>> m_bodies;
    std::vector<ForkedChild> m_readers;
    ForkedChild m_writer;
};

// Adds the numbers of the lines in a file.
void add_numbers(const fs::path& file, std::set<std::uint64_t>& numbers) {
    const auto text = testing::slurp(file);
    const std::string_view mark = "]: A";
    for (auto at = text.find(mark); at != text.npos; at = text.find(mark, at + 1))
        numbers.insert(std::stoull(text.substr(at + mark.size(), 10)));
}

void rotate_by_rename(Readers readers) {
    Storm storm(Writes::some_in_two_halves, readers);
    std::minstd_rand random(2);
    for (int i = 0; i < rotations(); ++i) {
        std::this_thread::sleep_for(100ms);
        storm.perhaps_kill();
        const auto before = storm.start_hash();
        fs::rename(storm.log, storm.rotated);
        storm.perhaps_kill();
        storm.directory.write("mail.log", "", fs::perms{0640});
        storm.perhaps_kill();
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
        storm.control->hangup = true;
        Storm::wait_until([&] { return !storm.control->hangup; });
        storm.perhaps_kill();
        storm.wait_until_reader_is_in_the_new_file(before);
    }
    storm.finish();
    BOOST_TEST_MESSAGE(rotations() << " by rename, " << storm.kills << " kills: " << storm.control->written
                                   << " lines written, " << storm.counted() << " counted, " << storm.skipped()
                                   << " bytes skipped, " << storm.unparsed() << " not understood");
    BOOST_TEST(storm.counted() == storm.control->written);
    BOOST_TEST(storm.skipped() == 0U);
    BOOST_TEST(storm.unparsed() == 0U);
    BOOST_TEST(storm.kills > 0);
}

// Lines that are written between the end of the copy and the truncation are in no file: only those can be missing, and
// of them those that the reader saw are counted as skipped.
void rotate_by_copytruncate(Readers readers) {
    Storm storm(Writes::whole_lines, readers);
    std::set<std::uint64_t> left;
    for (int i = 0; i < rotations(); ++i) {
        std::this_thread::sleep_for(100ms);
        storm.perhaps_kill();
        const auto before = storm.start_hash();
        fs::remove(storm.rotated);
        fs::copy_file(storm.log, storm.rotated);
        add_numbers(storm.rotated, left);
        storm.perhaps_kill();
        fs::resize_file(storm.log, 0);
        storm.perhaps_kill();
        storm.wait_until_reader_is_in_the_new_file(before);
    }
    storm.finish();
    add_numbers(storm.log, left);
    const std::uint64_t written = storm.control->written;
    const auto lost = written - left.size();
    const auto missing = written - storm.counted();
    BOOST_TEST_MESSAGE(rotations() << " by copytruncate, " << storm.kills << " kills: " << written << " lines written, "
                                   << lost << " in no file, " << storm.counted() << " counted, "
                                   << storm.skipped() / k_line_bytes << " skipped, "
                                   << missing - storm.skipped() / k_line_bytes << " never seen");
    BOOST_TEST(storm.counted() >= left.size());
    BOOST_TEST(storm.counted() + storm.skipped() / k_line_bytes <= written);
    BOOST_TEST(missing <= lost);
    BOOST_TEST(storm.unparsed() == 0U);
    BOOST_TEST(storm.kills > 0);
}

BOOST_AUTO_TEST_SUITE(log_storm)

BOOST_AUTO_TEST_CASE(rotation_by_rename_loses_no_line_while_the_reader_is_killed) {
    rotate_by_rename(Readers::one_process);
}

BOOST_AUTO_TEST_CASE(rotation_by_rename_loses_no_line_while_gatherer_and_log_reader_are_killed) {
    rotate_by_rename(Readers::gatherer_and_log_reader);
}

BOOST_AUTO_TEST_CASE(rotation_by_copytruncate_loses_what_truncation_loses_while_the_reader_is_killed) {
    rotate_by_copytruncate(Readers::one_process);
}

BOOST_AUTO_TEST_CASE(rotation_by_copytruncate_loses_what_truncation_loses_while_gatherer_and_log_reader_are_killed) {
    rotate_by_copytruncate(Readers::gatherer_and_log_reader);
}

// The exact form: each line is counted, or skipped, or was written after the last look at a file that was truncated
// then, and is in no copy. Of those neither the file system nor any reader keeps a trace.
BOOST_AUTO_TEST_CASE(copytruncate_takes_nothing_uncounted_but_what_was_written_after_the_last_look) {
    Storm storm(Writes::whole_lines, Readers::gatherer_and_log_reader);
    std::uint64_t unseen = 0;
    for (int i = 0; i < rotations(); ++i) {
        std::this_thread::sleep_for(100ms);
        storm.perhaps_kill();
        const auto before = storm.start_hash();
        if (i % 2 == 1) {
            storm.kill_all();  // so that lines are unread which only the copy will have
            std::this_thread::sleep_for(20ms);
        }
        fs::remove(storm.rotated);
        fs::copy_file(storm.log, storm.rotated);
        unseen += storm.truncate_while_all_stand_still();
        storm.wait_until_reader_is_in_the_new_file(before);
    }
    storm.finish();
    const auto lines = [](std::uint64_t bytes) { return bytes / k_line_bytes; };
    BOOST_TEST_MESSAGE(rotations() << " by copytruncate, " << storm.kills << " kills: " << storm.control->written
                                   << " lines written, " << storm.counted() << " counted, " << lines(storm.skipped())
                                   << " skipped, " << lines(unseen) << " never seen");
    BOOST_TEST(storm.counted() + lines(storm.skipped()) + lines(unseen) == storm.control->written);
    BOOST_TEST(storm.unparsed() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
