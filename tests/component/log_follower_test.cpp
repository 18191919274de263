// SPDX-License-Identifier: MIT
// Follower, on real files: what grows, is rotated, truncated, replaced and damaged.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/maillog/follower.hpp"
#include "ceymail/maillog/open_log.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::maillog;
namespace fs = std::filesystem;

constexpr std::size_t k_no_limit = 1U << 30U;

// A line of its own for each number.
std::string line(int number) {
    std::array<char, 128> text{};
    const int length =
        std::snprintf(text.data(), text.size(), "2026-11-27T18:13:22.%06d+00:00 mx1 postfix/qmgr[7]: A%07d: removed\n",
                      number, number);
    return {text.data(), static_cast<std::size_t>(length)};
}

std::string lines(int first, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += line(first + i);
    return text;
}

std::uint64_t sum(const Counters& counters) {
    return std::accumulate(counters.lines.values.begin(), counters.lines.values.end(), std::uint64_t{0});
}

// The kernel kills the process at another system call.
void allow_only(std::initializer_list<long> calls) {
    std::vector<sock_filter> program{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    for (const auto call : calls) {
        program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<__u32>(call), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) ::_exit(98);
}

struct Fixture {
    Fixture() {
        kept->start({1, 2});
        restart();
    }

    // As after the death of the reader: another follower, which knows what is kept and nothing else.
    void restart() { follower.emplace(*kept, Log::mail, *block); }

    void hand_over() {
        auto files = open_log_files(log, kept->committed().position(Log::mail));
        if (!files) throw std::runtime_error(files.error().message);
        if (const auto done = follower->hand_over(std::move(*files)); !done)
            throw std::runtime_error(done.error().message);
    }
    Follower::Progress read(std::size_t limit = k_no_limit) {
        const auto progress = follower->read(limit, util::BootTime{});
        if (!progress) throw std::runtime_error(progress.error().message);
        return *progress;
    }
    // Hands over until the place is found, and reads all.
    void read_all() {
        hand_over();
        if (!read().lost_place) return;
        hand_over();
        BOOST_TEST(!read().lost_place);
    }
    // A log that is followed from its start.
    void begin_with(std::string_view text) {
        append("");
        hand_over();
        append(text);
        read();
    }

    void append(std::string_view text) const { append_to(log, text); }
    static void append_to(const fs::path& file, std::string_view text) {
        std::ofstream(file, std::ios::app | std::ios::binary) << text;
    }
    void rename_away() const { fs::rename(log, rotated); }
    // cp and truncate(1), as logrotate's copytruncate.
    void copy_away() const { fs::copy_file(log, rotated, fs::copy_options::overwrite_existing); }
    void truncate() const { fs::resize_file(log, 0); }

    [[nodiscard]] std::uint64_t counted() const { return sum(kept->committed().counters); }
    [[nodiscard]] std::uint64_t skipped() const { return kept->committed().counters.skipped_bytes; }
    [[nodiscard]] std::uint64_t unparsed() const {
        const auto& values = kept->committed().counters.unparsed.values;
        return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
    }

    testing::TemporaryDirectory directory;
    fs::path log = directory / "mail.log";
    fs::path rotated = directory / "mail.log.1";
    testing::SharedValue<KeptReading> kept;
    std::unique_ptr<LineBlock> block = std::make_unique<LineBlock>();
    std::optional<Follower> follower;
};

BOOST_FIXTURE_TEST_SUITE(log_follower, Fixture)

BOOST_AUTO_TEST_CASE(begins_at_the_end_of_a_log_and_counts_what_comes) {
    append(lines(0, 5000) + "half");
    read_all();
    BOOST_TEST(counted() == 0U);
    append(" a line\n" + lines(5000, 3));
    read();
    BOOST_TEST(counted() == 4U);
    BOOST_TEST(skipped() == 0U);
}

BOOST_AUTO_TEST_CASE(reads_a_log_that_comes_later_from_its_start) {
    read_all();
    append(lines(0, 3));
    read_all();
    BOOST_TEST(counted() == 3U);
}

BOOST_AUTO_TEST_CASE(reads_a_log_that_comes_later_from_its_start_after_a_restart_too) {
    read_all();
    append(lines(0, 3));
    restart();
    read_all();
    BOOST_TEST(counted() == 3U);
}

BOOST_AUTO_TEST_CASE(keeps_back_half_a_line_until_it_is_whole) {
    const auto text = line(1);
    begin_with(text.substr(0, 20));
    BOOST_TEST(counted() == 0U);
    BOOST_TEST(read().unread_bytes == 20U);
    append(text.substr(20, 10));
    BOOST_TEST(read().unread_bytes == 30U);
    append(text.substr(30));
    BOOST_TEST(read().unread_bytes == 0U);
    BOOST_TEST(counted() == 1U);
    BOOST_TEST(unparsed() == 0U);
}

BOOST_AUTO_TEST_CASE(an_unchanged_log_changes_nothing) {
    begin_with(lines(0, 3));
    const auto before = kept->attempts();
    const auto reading = std::make_unique<Reading>(kept->committed());
    for (int i = 0; i < 3; ++i) read();
    restart();
    read_all();
    BOOST_TEST(kept->attempts() == before);
    BOOST_TEST((kept->committed().positions == reading->positions));
    BOOST_TEST(counted() == 3U);
}

BOOST_AUTO_TEST_CASE(goes_on_with_other_descriptors_after_an_error) {
    append("");
    auto files = *open_log_files(log);
    const int number = files.back().get();
    BOOST_TEST(follower->hand_over(std::move(files)).has_value());
    append(lines(0, 3));
    const util::Fd unreadable(::open(log.c_str(), O_WRONLY | O_CLOEXEC));
    BOOST_TEST(::dup2(unreadable.get(), number) == number);
    const auto progress = follower->read(k_no_limit, util::BootTime{});
    BOOST_TEST_REQUIRE(!progress.has_value());
    BOOST_TEST(progress.error().message == "cannot read the log: Bad file descriptor");
    read_all();
    BOOST_TEST(counted() == 3U);
}

// Once it has the files, it needs no other system call; while nothing is written, not even pread(2).
BOOST_AUTO_TEST_CASE(reads_with_fstat_and_pread_and_asks_an_idle_log_with_fstat_alone) {
    append("");
    hand_over();
    append(lines(0, 20'000));
    testing::ForkedChild child([&] {
        allow_only({SYS_fstat, SYS_newfstatat, SYS_exit_group, SYS_prctl, SYS_pread64});
        if (!follower->read(k_no_limit, util::BootTime{})) return 1;
        allow_only({SYS_fstat, SYS_newfstatat, SYS_exit_group});
        return follower->read(k_no_limit, util::BootTime{}) ? 0 : 1;
    });
    BOOST_TEST(child.wait() == 0);
    BOOST_TEST(counted() == 20'000U);
}

BOOST_AUTO_TEST_CASE(reads_a_renamed_file_until_the_next_one_has_its_first_byte) {
    begin_with(lines(0, 3));
    rename_away();
    append("");
    append_to(rotated, lines(3, 2));
    read_all();
    BOOST_TEST(counted() == 5U);
    append_to(rotated, lines(5, 2));
    append(lines(7, 1).substr(0, 5));
    read();
    BOOST_TEST(counted() == 7U);
    append(lines(7, 1).substr(5) + lines(8, 2));
    read();
    BOOST_TEST(counted() == 10U);
    BOOST_TEST(skipped() == 0U);
    BOOST_TEST(unparsed() == 0U);
}

BOOST_AUTO_TEST_CASE(reads_a_file_to_its_end_that_was_compressed_meanwhile) {
    begin_with(lines(0, 3));
    append(lines(3, 4));
    fs::remove(log);
    append(lines(7, 2));
    read_all();
    BOOST_TEST(counted() == 9U);
}

BOOST_AUTO_TEST_CASE(goes_on_in_the_rotated_file_after_a_restart) {
    begin_with(lines(0, 3));
    append(lines(3, 4));
    rename_away();
    append(lines(7, 2));
    restart();
    read_all();
    BOOST_TEST(counted() == 9U);
    BOOST_TEST(skipped() == 0U);
}

BOOST_AUTO_TEST_CASE(reads_a_file_that_came_and_was_rotated_between_two_looks) {
    begin_with(lines(0, 3));
    append(lines(3, 1));
    rename_away();
    ::usleep(20'000);
    append(lines(4, 2));
    rename_away();
    append(lines(6, 3));
    read_all();
    BOOST_TEST(counted() == 9U);
    restart();
    read_all();
    BOOST_TEST(counted() == 9U);
}

BOOST_AUTO_TEST_CASE(counts_what_two_rotations_without_a_reader_took_as_skipped) {
    begin_with(lines(0, 3));
    append(lines(3, 10));
    read(1);  // reads a block, which is all
    append(lines(13, 2) + std::string(200'000, 'x'));
    BOOST_TEST(read(1).unread_bytes > 60'000U);
    const auto unread = kept->committed().unread(Log::mail);
    const auto before = skipped();
    fs::remove(log);
    append_to(rotated, lines(20, 4));
    append(lines(24, 3));
    restart();
    read_all();
    BOOST_TEST(counted() == 15U + 4U + 3U);
    BOOST_TEST(skipped() - before == unread);
}

// A request that the gatherer sent to a reader that died: its files were opened before the log was copied and
// truncated.
BOOST_AUTO_TEST_CASE(files_that_were_opened_before_a_rotation_are_opened_again) {
    begin_with(lines(0, 3));
    restart();
    append(lines(3, 4));
    auto old = open_log_files(log);
    BOOST_TEST_REQUIRE(old.has_value());
    copy_away();
    truncate();
    append(lines(7, 2));
    const auto taken = follower->hand_over(std::move(*old), Follower::Opened::before_start);
    BOOST_TEST_REQUIRE(taken.has_value());
    BOOST_TEST(!*taken);
    read_all();
    BOOST_TEST(counted() == 9U);
    BOOST_TEST(skipped() == 0U);
}

// The one that is there was left alone when the log was first seen.
BOOST_AUTO_TEST_CASE(an_older_rotated_file_is_not_read) {
    append_to(rotated, lines(0, 50));
    ::usleep(20'000);
    begin_with(lines(50, 3));
    fs::remove(log);
    append(lines(53, 2));
    read_all();
    BOOST_TEST(counted() == 5U);
    fs::remove(log);
    append(lines(55, 1));
    restart();
    read_all();
    BOOST_TEST(counted() == 6U);
}

// As an editor or touch(1) does, and then the log is deleted or emptied.
BOOST_AUTO_TEST_CASE(an_older_rotated_file_is_not_read_because_it_has_a_later_time) {
    const auto touch_rotated = [this](int seconds) {
        fs::last_write_time(rotated, fs::file_time_type::clock::now() + std::chrono::seconds(seconds));
    };
    append_to(rotated, lines(0, 50));
    begin_with(lines(50, 3));
    fs::remove(log);
    touch_rotated(10);
    append(lines(53, 2));
    read_all();
    BOOST_TEST(counted() == 5U);
    read_all();
    truncate();
    touch_rotated(20);
    append(lines(55, 1));
    read_all();
    BOOST_TEST(counted() == 6U);
    restart();
    read_all();
    fs::remove(log);
    touch_rotated(30);
    append(lines(56, 1));
    read_all();
    BOOST_TEST(counted() == 7U);
    BOOST_TEST(skipped() == 0U);
}

// Inode numbers come back.
BOOST_AUTO_TEST_CASE(another_file_under_the_name_of_an_older_one_is_read) {
    append_to(rotated, lines(0, 50));
    begin_with(lines(50, 3));
    read_all();
    fs::remove(log);
    fs::resize_file(rotated, 0);
    append_to(rotated, lines(53, 4));
    fs::last_write_time(rotated, fs::file_time_type::clock::now() + std::chrono::seconds(10));
    append(lines(57, 2));
    read_all();
    BOOST_TEST(counted() == 9U);
}

BOOST_AUTO_TEST_CASE(reads_what_a_truncated_log_had_from_its_copy) {
    begin_with(lines(0, 3));
    append(lines(3, 4));
    copy_away();
    truncate();
    append(lines(7, 2));
    read_all();
    BOOST_TEST(counted() == 9U);
    BOOST_TEST(skipped() == 0U);
}

BOOST_AUTO_TEST_CASE(reads_what_a_truncated_log_had_from_its_copy_after_a_restart) {
    begin_with(lines(0, 3));
    append(lines(3, 4));
    copy_away();
    truncate();
    append(lines(7, 20));  // beyond the old offset
    restart();
    read_all();
    BOOST_TEST(counted() == 27U);
    BOOST_TEST(skipped() == 0U);
}

// Fewer bytes do not tell a copy from another log.
BOOST_AUTO_TEST_CASE(knows_a_copy_by_32_bytes) {
    begin_with("Nov 27 18:14:50 mx1 postfix[7]:\n");
    BOOST_TEST(kept->committed().position(Log::mail).offset == 32U);
    const auto first = counted();
    append(lines(3, 4));
    copy_away();
    truncate();
    append(lines(7, 2));
    restart();
    read_all();
    BOOST_TEST(counted() - first == 6U);
    BOOST_TEST(skipped() == 0U);
}

BOOST_AUTO_TEST_CASE(counts_a_short_log_no_second_time_after_a_restart) {
    begin_with("a short line\n");
    BOOST_TEST(counted() == 1U);
    restart();
    read_all();
    BOOST_TEST(counted() == 1U);
}

BOOST_AUTO_TEST_CASE(reads_no_rotated_file_that_is_as_old_as_the_lost_log) {
    for (const bool restarts : {false, true}) {
        Fixture fixture;
        fixture.begin_with(lines(0, 3));
        const auto time = fs::last_write_time(fixture.log);
        fs::remove(fixture.log);
        Fixture::append_to(fixture.rotated, lines(20, 4));
        fs::last_write_time(fixture.rotated, time);
        fixture.append(lines(24, 3));
        fs::last_write_time(fixture.log, time + std::chrono::seconds(1));
        if (restarts) fixture.restart();
        fixture.read_all();
        BOOST_TEST(fixture.counted() == 6U, restarts);
    }
}

BOOST_AUTO_TEST_CASE(a_copy_counts_no_line_twice_while_the_log_is_not_truncated_yet) {
    begin_with(lines(0, 3));
    copy_away();
    append(lines(3, 4));
    restart();
    read_all();
    BOOST_TEST(counted() == 7U);
    truncate();
    append(lines(7, 1));
    read_all();
    BOOST_TEST(counted() == 8U);
    BOOST_TEST(skipped() == 0U);
}

BOOST_AUTO_TEST_CASE(counts_what_truncation_took_as_skipped) {
    begin_with(lines(0, 3));
    append(lines(3, 4) + "half");
    read();
    copy_away();
    append(lines(7, 5));  // after "half": 4 whole lines and one that begins oddly
    const auto half = std::string(200'000, 'x');
    append(half);
    static_cast<void>(read(1));
    const auto left = read(1).unread_bytes;
    truncate();
    append(lines(12, 2));
    const auto before = skipped();
    read_all();
    BOOST_TEST(counted() == 3U + 4U + 5U + 2U);
    BOOST_TEST(skipped() - before == left);
}

BOOST_AUTO_TEST_CASE(tells_another_file_of_the_same_inode_by_its_first_bytes) {
    for (const bool restarts : {false, true}) {
        Fixture fixture;
        fixture.begin_with(lines(0, 10));
        fixture.truncate();
        fixture.append(lines(100, 30));
        if (restarts) fixture.restart();
        fixture.read_all();
        BOOST_TEST(fixture.counted() == 40U);
        BOOST_TEST(fixture.skipped() == 0U);
    }
}

BOOST_AUTO_TEST_CASE(a_file_of_the_same_size_is_another_one_if_its_first_bytes_are) {
    begin_with(lines(0, 10));
    ::usleep(20'000);
    truncate();
    append(lines(100, 10));
    read_all();
    BOOST_TEST(counted() == 20U);
}

// As sed -i leaves it.
BOOST_AUTO_TEST_CASE(a_copy_under_the_name_of_the_log_is_read_on_where_the_log_was) {
    begin_with(lines(0, 10));
    for (const bool restarts : {false, true}) {
        const auto other = directory / "edited";
        fs::copy_file(log, other);
        fs::rename(other, log);
        append(lines(10, 1));
        if (restarts) restart();
        read_all();
    }
    BOOST_TEST(counted() == 12U);
    BOOST_TEST(skipped() == 0U);
}

BOOST_AUTO_TEST_CASE(a_log_whose_end_is_cut_off_is_read_on_at_its_end) {
    begin_with(lines(0, 10));
    fs::resize_file(log, line(0).size() * 4);
    read_all();
    append(lines(10, 2));
    read_all();
    BOOST_TEST(counted() == 12U);
}

BOOST_AUTO_TEST_CASE(passes_over_nul_bytes_that_a_crash_left) {
    begin_with(lines(0, 2));
    append(std::string(1'000'000, '\0') + lines(2, 2));
    append(std::string(500, '\0') + lines(4, 1));
    read();
    BOOST_TEST(counted() == 5U);
    BOOST_TEST(unparsed() == 0U);
    BOOST_TEST(skipped() == 0U);
}

// A writer without O_APPEND writes at its old offset after the truncation.
BOOST_AUTO_TEST_CASE(passes_over_the_hole_in_front_of_a_truncated_log) {
    begin_with(lines(0, 10));
    truncate();
    const util::Fd fd(::open(log.c_str(), O_WRONLY | O_CLOEXEC));
    const auto text = lines(10, 2);
    BOOST_TEST(::pwrite(fd.get(), text.data(), text.size(), 10'000'000) == static_cast<ssize_t>(text.size()));
    read_all();
    BOOST_TEST(counted() == 12U);
    BOOST_TEST(unparsed() == 0U);
}

BOOST_AUTO_TEST_CASE(skips_a_line_that_is_longer_than_the_block_whole) {
    constexpr auto k_block = sizeof(LineBlock);
    for (const auto length : {k_block - 1, k_block, k_block + 1, 3 * k_block, std::size_t{5'000'000}}) {
        Fixture fixture;
        fixture.begin_with(lines(0, 2) + std::string(length, 'x') + "\n" + lines(2, 2));
        const bool fits = length + 1 <= k_block;
        BOOST_TEST(fixture.counted() == (fits ? 5U : 4U), length);
        BOOST_TEST(fixture.skipped() == (fits ? 0U : length + 1), length);
    }
}

BOOST_AUTO_TEST_CASE(begins_within_a_line_that_is_longer_than_the_block) {
    for (const auto& begin :
         {lines(0, 2) + std::string(2 * sizeof(LineBlock), 'x'), std::string(sizeof(LineBlock) + 1, 'x')}) {
        Fixture fixture;
        fixture.append(begin);
        fixture.read_all();
        BOOST_TEST(fixture.counted() == 0U);
        fixture.append("x\n" + lines(2, 1));
        fixture.read();
        BOOST_TEST(fixture.counted() == 1U);
        BOOST_TEST(fixture.skipped() == 2U);
    }
}

BOOST_AUTO_TEST_CASE(goes_on_in_a_line_without_end_after_a_restart) {
    begin_with(lines(0, 2) + std::string(400'000, 'x'));
    restart();
    read_all();
    append(std::string(10, 'x') + "\n" + lines(2, 1));
    restart();
    read_all();
    BOOST_TEST(counted() == 3U);
    BOOST_TEST(skipped() == 400'011U);
}

BOOST_AUTO_TEST_CASE(goes_on_in_a_line_without_end_in_a_copy_of_the_same_size) {
    begin_with(lines(0, 2) + std::string(400'000, 'x'));
    const auto other = directory / "edited";
    fs::copy_file(log, other);
    fs::rename(other, log);
    restart();
    read_all();
    append("x\n" + lines(2, 1));
    read_all();
    BOOST_TEST(counted() == 3U);
    BOOST_TEST(skipped() == 400'002U);
}

BOOST_AUTO_TEST_CASE(reads_the_rotated_file_no_second_time_where_the_log_is_deleted) {
    begin_with(lines(0, 3));
    rename_away();
    append(lines(3, 2));
    read_all();
    BOOST_TEST(counted() == 5U);
    fs::remove(log);
    read_all();
    restart();
    read_all();
    BOOST_TEST(counted() == 5U);
    append(lines(5, 1));
    read_all();
    BOOST_TEST(counted() == 6U);
    BOOST_TEST(skipped() == 0U);
}

BOOST_AUTO_TEST_CASE(reads_no_more_than_its_limit_and_tells_what_is_left) {
    append("");
    hand_over();
    constexpr int k_count = 20'000;
    const auto text = lines(0, k_count);
    append(text);
    const auto first = read(300'000);
    BOOST_TEST(first.unread_bytes <= text.size() - 300'000);
    BOOST_TEST(first.unread_bytes > text.size() - 300'000 - sizeof(LineBlock));
    BOOST_TEST(kept->committed().unread(Log::mail) == first.unread_bytes);
    rename_away();
    append(lines(k_count, 10));
    hand_over();
    std::uint64_t last = first.unread_bytes;
    for (auto left = read(300'000).unread_bytes; left > 0; left = read(300'000).unread_bytes) {
        BOOST_TEST((left < last || last == first.unread_bytes));
        last = left;
    }
    BOOST_TEST(counted() == k_count + 10U);
}

BOOST_AUTO_TEST_CASE(counts_lines_with_stamps_of_both_forms) {
    begin_with("Nov  7 18:14:50 mx1 postfix/qmgr[7]: A0000001: removed\n" + line(2) +
               "Nov 27 18:14:50 mx1 postfix/qmgr[7]: A0000003: removed\n");
    BOOST_TEST(counted() == 3U);
    BOOST_TEST(unparsed() == 0U);
}

BOOST_AUTO_TEST_CASE(gives_up_the_oldest_of_more_than_eight_files_and_counts_them) {
    begin_with(lines(0, 3));
    append(lines(3, 1));
    const auto unread = line(3).size();
    for (int i = 1; i <= 8; ++i) {
        rename_away();
        append(lines(10 * i, 2));
        hand_over();
    }
    BOOST_TEST(skipped() == unread);
    read();
    BOOST_TEST(counted() == 3U + 8U * 2U);
}

// A reader that the parser kills again and again at one place.
BOOST_AUTO_TEST_CASE(a_block_at_which_the_reader_dies_again_and_again_is_skipped) {
    begin_with(lines(0, 2));
    append(lines(2, 5));
    for (int deaths = 0; deaths < 5; ++deaths) static_cast<void>(kept->begin());
    restart();
    hand_over();
    read();
    BOOST_TEST(counted() == 7U);
    append(lines(7, 4000));
    for (int deaths = 0; deaths < 6; ++deaths) static_cast<void>(kept->begin());
    restart();
    hand_over();
    read();
    BOOST_TEST(counted() == 7U);
    BOOST_TEST(skipped() > 0U);
    BOOST_TEST(skipped() <= sizeof(LineBlock));
    read();
    BOOST_TEST(counted() == 7U + 4000U - skipped() / line(0).size());
}

BOOST_AUTO_TEST_CASE(a_block_at_which_the_reader_died_three_times_is_read_alone) {
    for (const int deaths : {2, 3}) {
        Fixture fixture;
        fixture.begin_with(lines(0, 2));
        fixture.append(lines(2, 4000));
        for (int death = 0; death < deaths; ++death) static_cast<void>(fixture.kept->begin());
        fixture.restart();
        fixture.hand_over();
        BOOST_TEST((fixture.read().unread_bytes > 0) == (deaths == 3), deaths);
        fixture.read();
        BOOST_TEST(fixture.counted() == 4002U, deaths);
    }
}

BOOST_AUTO_TEST_CASE(any_position_that_is_kept_is_safe) {
    append(lines(0, 10));
    for (const int byte : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
        Reading& reading = kept->begin();
        std::memset(static_cast<void*>(&reading.positions), byte, sizeof reading.positions);
        kept->commit();
        restart();
        read_all();
        BOOST_TEST(!read().lost_place, byte);
    }
}

BOOST_AUTO_TEST_CASE(follows_the_log_of_fail2ban_beside_the_mail_log) {
    begin_with(lines(0, 2));
    const auto other = directory / "fail2ban.log";
    append_to(other, "");
    Follower bans(*kept, Log::fail2ban, *block);
    BOOST_TEST(bans.hand_over(*open_log_files(other)).has_value());
    append_to(other, "2026-11-27 18:13:22,784 fail2ban.actions        [5400]: NOTICE  [postfix-sasl] Ban 192.0.2.11\n");
    append(lines(2, 1));
    BOOST_TEST(bans.read(k_no_limit, util::BootTime{}).has_value());
    read();
    BOOST_TEST(kept->committed().counters.bans.jails()[0].bans == 1U);
    BOOST_TEST(counted() == 3U + 1U);
}

// The two share the kept reading. A draft that an error had left behind was copied over by the other's, and the next
// commit() of the first then selected the reading before both.
BOOST_AUTO_TEST_CASE(an_error_in_one_log_takes_nothing_from_the_other) {
    begin_with(line(0));
    const auto other = directory / "fail2ban.log";
    append_to(other, "");
    Follower bans(*kept, Log::fail2ban, *block);
    BOOST_TEST(bans.hand_over(*open_log_files(other)).has_value());
    append(lines(1, 3));
    fs::last_write_time(log, fs::file_time_type::clock::now() - std::chrono::hours(1));  // not that of the next file
    rename_away();
    append(line(4));
    hand_over();
    rename_away();
    append(line(5));
    auto files = *open_log_files(log);
    const int newest = files.back().get();
    BOOST_TEST(follower->hand_over(std::move(files)).has_value());
    ::close(newest);
    const auto progress = follower->read(1, util::BootTime{});
    BOOST_TEST_REQUIRE(!progress.has_value());
    BOOST_TEST(progress.error().message == "cannot look at the log: Bad file descriptor");
    BOOST_TEST(counted() == 4U);  // what was read before is kept
    const util::Fd again(::open(log.c_str(), O_RDONLY | O_CLOEXEC));
    ::dup2(again.get(), newest);

    append_to(other, "2026-11-27 18:13:22,784 fail2ban.actions        [5400]: NOTICE  [postfix-sasl] Ban 192.0.2.11\n");
    BOOST_TEST(bans.read(k_no_limit, util::BootTime{}).has_value());
    read_all();
    BOOST_TEST(kept->committed().counters.bans.jails()[0].bans == 1U);
    BOOST_TEST(counted() == 6U + 1U);
    ::close(newest);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
