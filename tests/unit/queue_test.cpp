// SPDX-License-Identifier: MIT
// Postfix's queues, in real directories.
#include "ceymail/collect/queue.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "ceymail/collect/queue_id.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

const std::string k_digits = "0123456789ABCDEF";  // Postfix's subdirectories

util::BootTime in_a_minute() { return util::BootClock::now() + 1min; }

// The file clock as a test sets it: an hour ahead, whatever was done to a directory is long past.
FileTime long_after() noexcept { return file_clock_now() + 1h; }

// What is done to a directory after this bears another time than what was done before, which the clock above would
// otherwise not be right to claim. The file clock lags by up to two ticks, and since Linux 6.13 some stamps are finer
// than it, so that one tick may not be enough.
void let_the_file_clock_tick() {
    const auto before = std::chrono::system_clock::now().time_since_epoch();
    while (file_clock_now() <= before) std::this_thread::sleep_for(1ms);
}

// Real births, counted.
int asked;
std::expected<std::chrono::microseconds, int> births(int at, const char* name) noexcept {
    ++asked;
    return birth_of(at, name);
}
std::chrono::microseconds born(const fs::path& file) { return birth_of(AT_FDCWD, file.c_str()).value(); }

// A queue directory, and one reader of it.
struct Queue {
    testing::TemporaryDirectory directory;
    QueueReader reader{directory.path(), {.now = long_after}};

    Queue() {
        asked = 0;
        for (const char* queue : {"active", "deferred", "bounce", "hold"}) fs::create_directory(directory / queue);
    }

    void message(const fs::path& name) const { directory.write(name, "x"); }

    void messages(const fs::path& where, int count) const {
        for (int i = 0; i < count; ++i) message(where / ("m" + std::to_string(i)));
    }

    QueueCounts counts(QueueReader& by) const {
        const auto counts = by.read(in_a_minute());
        if (!counts) BOOST_FAIL(counts.error().message);
        let_the_file_clock_tick();
        return *counts;
    }
    QueueCounts counts() { return counts(reader); }

    // When the oldest deferred message arrived, after one more read.
    std::optional<std::chrono::microseconds> oldest(QueueReader& by) const {
        (void)counts(by);
        return by.oldest_deferred(in_a_minute());
    }
    std::optional<std::chrono::microseconds> oldest() { return oldest(reader); }

    // How many directories one more read takes.
    std::uint64_t directories_read_again(QueueReader& by) const {
        const auto before = by.directories_read();
        (void)counts(by);
        return by.directories_read() - before;
    }
    std::uint64_t directories_read_again() { return directories_read_again(reader); }

    util::Error error() {
        const auto counts = reader.read(in_a_minute());
        BOOST_TEST_REQUIRE(!counts.has_value());
        return counts.error();
    }
};

bool contains(const util::Error& error, const std::string& text) {
    return error.message.find(text) != std::string::npos;
}

BOOST_FIXTURE_TEST_SUITE(queue, Queue)

BOOST_AUTO_TEST_CASE(counts_each_queue_on_its_own) {
    messages("active", 1);
    messages("deferred", 2);
    messages("bounce", 3);
    messages("hold", 4);
    messages("incoming", 5);
    messages("maildrop", 6);
    messages("corrupt", 7);
    const auto got = counts();
    BOOST_TEST(got.active == 1U);
    BOOST_TEST(got.deferred == 2U);
    BOOST_TEST(got.bounce == 3U);
    BOOST_TEST(got.hold == 4U);
    BOOST_TEST(got.incoming == 5U);
    BOOST_TEST(got.maildrop == 6U);
}

BOOST_AUTO_TEST_CASE(counts_at_any_hash_depth) {
    messages("deferred", 1);
    messages("deferred/0", 2);
    messages("deferred/F", 3);
    messages("deferred/F/A", 4);
    messages("deferred/F/A/9", 5);
    fs::create_directory(directory / "deferred/7");
    BOOST_TEST(counts().deferred == 15U);
}

BOOST_AUTO_TEST_CASE(counts_regular_files_and_follows_no_link) {
    messages("active", 2);
    messages("elsewhere", 3);
    fs::create_symlink("m0", directory / "active/link");
    fs::create_directory_symlink("../elsewhere", directory / "active/E");
    BOOST_TEST_REQUIRE(::mkfifo((directory / "active/pipe").c_str(), 0600) == 0);
    BOOST_TEST(counts().active == 2U);
}

BOOST_AUTO_TEST_CASE(counts_what_postfix_takes_for_a_message_and_enters_what_postfix_enters) {
    QueueReader checking{directory.path(), {.types = EntryTypes::checked}};
    for (const fs::path queue : {"active", "deferred", "bounce", "hold", "incoming", "maildrop"}) {
        messages(queue, 1);
        message(queue / "A" / "C3CD21F3E90");
        message(queue / "A" / "example_com");  // as the fast flush service names its files
        message(queue / ".nfs000000000012d687");
        message(queue / "A" / ".nfs000000000012d68700000001");
        message(queue / "A" / "C3CD21F3E91.tmp");
        message(queue / "A" / "4711.1234");  // Postfix's name for a file that it begins to write
        message(queue / "A" / "B");          // Postfix takes it for a directory
        message(queue / "A" / "caf\xc3\xa9");
        message(queue / "lost+found" / "#12345");
        message(queue / "lost+found" / "C3CD21F3E90");
        message(queue / "saved" / "C3CD21F3E90");
        for (QueueReader* each : {&reader, &checking}) {
            const auto got = counts(*each);
            const std::map<std::string, std::uint64_t> of{{"active", got.active},     {"deferred", got.deferred},
                                                          {"bounce", got.bounce},     {"hold", got.hold},
                                                          {"incoming", got.incoming}, {"maildrop", got.maildrop}};
            BOOST_TEST(of.at(queue) == 3U, queue);
        }
    }
}

BOOST_AUTO_TEST_CASE(asks_each_entry_where_the_file_system_tells_no_type) {
    messages("deferred", 2);
    messages("deferred/A", 3);
    messages("elsewhere", 3);
    fs::create_directory_symlink("../elsewhere", directory / "deferred/E");
    fs::create_symlink("m0", directory / "deferred/link");
    QueueReader checking{directory.path(), {.types = EntryTypes::checked}};
    BOOST_TEST(counts(checking).deferred == 5U);
}

BOOST_AUTO_TEST_CASE(counts_more_files_than_one_buffer_holds) {
    messages("hold", 20'000);  // of 24 bytes and more each
    BOOST_TEST(counts().hold == 20'000U);
}

BOOST_AUTO_TEST_CASE(counts_the_same_on_several_threads) {
    for (int i = 0; i < 16; ++i) messages(fs::path("deferred") / k_digits.substr(i, 1) / "A", 10 + i);
    QueueReader parallel{directory.path(), {.now = long_after, .max_threads = 4, .parallel_min_bytes = 0}};
    BOOST_TEST(counts(parallel).deferred == 16U * 10U + 120U);
    BOOST_TEST(parallel.directories_read() == 4U + 16U + 16U);
    message("deferred/3/A/more");
    message("deferred/5/more");
    BOOST_TEST(counts(parallel).deferred == 16U * 10U + 122U);
    BOOST_TEST(parallel.directories_read() == 36U + 2U);
}

BOOST_AUTO_TEST_CASE(counts_a_large_directory_that_changed) {
    messages("hold", 20'000);
    QueueReader parallel{directory.path(), {.now = long_after, .max_threads = 3, .parallel_min_bytes = 0}};
    BOOST_TEST(counts(parallel).hold == 20'000U);
    message("hold/new");
    BOOST_TEST(directories_read_again(parallel) == 1U);
    BOOST_TEST(counts(parallel).hold == 20'001U);
    for (int i = 3; i < 20'000; ++i) fs::remove(directory / "hold" / ("m" + std::to_string(i)));
    BOOST_TEST(counts(parallel).hold == 4U);
    fs::rename(directory / "hold", directory / "elsewhere");
    messages("hold", 5'000);
    BOOST_TEST(counts(parallel).hold == 5'000U);
}

BOOST_AUTO_TEST_CASE(tells_what_its_helpers_cost_in_the_last_read) {
    for (int i = 0; i < 16; ++i) messages(fs::path("deferred") / k_digits.substr(i, 1), 10);
    QueueReader parallel{directory.path(), {.now = long_after, .max_threads = 4, .parallel_min_bytes = 0}};
    (void)counts(parallel);
    BOOST_TEST(parallel.helper_cpu_time().count() > 0);
    (void)counts(parallel);  // nothing has changed
    BOOST_TEST(parallel.helper_cpu_time().count() == 0);
    message("deferred/3/more");
    (void)counts(parallel);  // for one directory no thread is started
    BOOST_TEST(parallel.helper_cpu_time().count() == 0);
}

BOOST_AUTO_TEST_CASE(does_not_read_an_unchanged_directory_again) {
    messages("deferred/0/0", 3);
    messages("deferred/0/1", 3);
    BOOST_TEST(counts().deferred == 6U);
    BOOST_TEST(reader.directories_read() == 7U);
    BOOST_TEST(directories_read_again() == 0U);
    BOOST_TEST(counts().deferred == 6U);
}

BOOST_AUTO_TEST_CASE(reads_only_the_directory_that_changed) {
    messages("deferred/0/0", 3);
    messages("deferred/0/1", 3);
    (void)counts();
    message("deferred/0/1/new");
    BOOST_TEST(directories_read_again() == 1U);
    BOOST_TEST(counts().deferred == 7U);
    fs::remove(directory / "deferred/0/1/new");
    BOOST_TEST(directories_read_again() == 1U);
    BOOST_TEST(counts().deferred == 6U);
}

BOOST_AUTO_TEST_CASE(reads_both_directories_of_a_moved_message) {
    messages("active", 1);
    messages("deferred/0", 1);
    (void)counts();
    fs::rename(directory / "active/m0", directory / "deferred/0/moved");
    BOOST_TEST(directories_read_again() == 2U);
    const auto got = counts();
    BOOST_TEST(got.active == 0U);
    BOOST_TEST(got.deferred == 2U);
}

BOOST_AUTO_TEST_CASE(sees_a_change_behind_a_modification_time_that_was_set_back) {
    messages("active", 1);
    struct stat before{};
    BOOST_TEST_REQUIRE(::stat((directory / "active").c_str(), &before) == 0);
    (void)counts();
    message("active/new");
    const timespec times[] = {before.st_atim, before.st_mtim};
    BOOST_TEST_REQUIRE(::utimensat(AT_FDCWD, (directory / "active").c_str(), times, 0) == 0);
    BOOST_TEST(counts().active == 2U);
}

BOOST_AUTO_TEST_CASE(reads_again_what_changed_within_the_present_tick) {
    QueueReader now{directory.path(), {.now = []() noexcept { return file_clock_now() - 1s; }}};
    messages("active", 1);
    (void)counts(now);
    BOOST_TEST(directories_read_again(now) == 4U);
}

BOOST_AUTO_TEST_CASE(waits_two_seconds_where_times_have_no_fraction) {
    // Real directories cannot be given a change time of whole seconds, but their modification time will do.
    static std::atomic<FileTime> clock;
    const FileTime modified = file_clock_now() - file_clock_now() % 1s + 10s;
    const timespec time{.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(modified).count(), .tv_nsec = 0};
    const timespec times[] = {time, time};
    for (const char* queue : {"active", "deferred", "bounce", "hold"}) {
        BOOST_TEST_REQUIRE(::utimensat(AT_FDCWD, (directory / queue).c_str(), times, 0) == 0);
    }
    QueueReader coarse{directory.path(), {.now = []() noexcept { return clock.load(); }}};
    clock = modified + 1s;
    (void)counts(coarse);
    BOOST_TEST(directories_read_again(coarse) == 4U);
    clock = modified + 3s;
    BOOST_TEST(directories_read_again(coarse) == 4U);  // once more, and that one is good
    BOOST_TEST(directories_read_again(coarse) == 0U);
}

BOOST_AUTO_TEST_CASE(reads_always_what_another_machines_clock_stamps) {
    messages("deferred/0", 3);
    QueueReader remote{directory.path(),
                       {.now = long_after, .has_local_timestamps = [](int) noexcept { return false; }}};
    (void)counts(remote);
    BOOST_TEST(directories_read_again(remote) == 5U);
    BOOST_TEST(directories_read_again(remote) == 5U);
    // The server's clock is late: the new message is stamped as the directory was before.
    struct stat before{};
    BOOST_TEST_REQUIRE(::stat((directory / "deferred/0").c_str(), &before) == 0);
    message("deferred/0/new");
    const timespec times[] = {before.st_atim, before.st_mtim};
    BOOST_TEST_REQUIRE(::utimensat(AT_FDCWD, (directory / "deferred/0").c_str(), times, 0) == 0);
    BOOST_TEST(counts(remote).deferred == 4U);
}

BOOST_AUTO_TEST_CASE(asks_once_whose_clock_stamps_a_file_system) {
    static int asked;
    asked = 0;
    messages("deferred/0", 3);
    const auto ask = [](int fd) noexcept { return ++asked, has_local_timestamps(fd); };
    QueueReader counting{directory.path(), {.now = long_after, .has_local_timestamps = ask}};
    (void)counts(counting);
    BOOST_TEST(asked == 1);
    BOOST_TEST(directories_read_again(counting) == 0U);
    BOOST_TEST(asked == 1);  // and not where nothing has changed
}

BOOST_AUTO_TEST_CASE(takes_up_directories_that_come_and_drops_those_that_go) {
    messages("deferred/0", 2);
    messages("deferred/1", 3);
    BOOST_TEST(counts().deferred == 5U);
    messages("deferred/2/5", 4);
    BOOST_TEST(counts().deferred == 9U);
    fs::remove_all(directory / "deferred/1");
    BOOST_TEST(counts().deferred == 6U);
    fs::remove_all(directory / "deferred/2");
    directory.write("deferred/2", "a file of that name");
    BOOST_TEST(counts().deferred == 2U);
}

BOOST_AUTO_TEST_CASE(notices_a_directory_made_again_under_the_same_name) {
    messages("hold", 3);
    BOOST_TEST(counts().hold == 3U);
    fs::remove_all(directory / "hold");
    fs::create_directory(directory / "hold");
    BOOST_TEST(counts().hold == 0U);
}

BOOST_AUTO_TEST_CASE(counts_a_queue_that_is_not_there_yet_as_empty) {
    fs::remove_all(directory / "hold");
    BOOST_TEST(counts().hold == 0U);
    messages("hold", 2);
    BOOST_TEST(counts().hold == 2U);
    fs::remove_all(directory / "hold");
    BOOST_TEST(counts().hold == 0U);
}

BOOST_AUTO_TEST_CASE(outlives_files_and_directories_that_vanish_while_it_reads) {
    std::atomic<bool> stop = false;
    messages("deferred/F", 5);
    std::thread postfix([&] {
        for (int i = 0; !stop; ++i) {
            const fs::path hash = directory / "deferred" / std::to_string(i % 3);
            fs::create_directory(hash);
            std::ofstream(hash / "message") << i;
            std::error_code ignored;
            fs::rename(hash / "message", directory / "active" / ("m" + std::to_string(i % 7)), ignored);
            fs::remove(directory / "active" / ("m" + std::to_string((i + 3) % 7)), ignored);
            fs::remove(hash, ignored);
        }
    });
    QueueReader checking{directory.path(), {.types = EntryTypes::checked}};
    QueueReader parallel{directory.path(), {.max_threads = 3, .parallel_min_bytes = 0}};
    for (int i = 0; i < 300; ++i) {
        for (QueueReader* each : {&reader, &checking, &parallel}) {
            const auto got = each->read(in_a_minute());
            BOOST_CHECK_MESSAGE(got.has_value(), (got ? "" : got.error().message));
            if (got && (got->deferred < 5 || got->active > 7)) BOOST_ERROR("impossible counts");
        }
    }
    stop = true;
    postfix.join();

    const auto count_files = [&](const char* name) {
        std::uint64_t files = 0;
        for (const auto& entry : fs::recursive_directory_iterator(directory / name)) files += entry.is_regular_file();
        return files;
    };
    for (QueueReader* each : {&checking, &parallel}) {
        BOOST_TEST(counts(*each).active == count_files("active"));
        BOOST_TEST(counts(*each).deferred == count_files("deferred"));
    }
}

BOOST_AUTO_TEST_CASE(says_where_the_queue_directory_is_looked_up_when_it_is_missing) {
    fs::remove_all(directory.path());
    const auto got = error();
    BOOST_TEST((got.kind == util::ErrorKind::not_found));
    BOOST_TEST(contains(got, directory.path().string()));
    BOOST_TEST(contains(got, "postconf -h queue_directory"));
}

BOOST_AUTO_TEST_CASE(refuses_a_directory_that_is_no_queue_directory) {
    for (const char* queue : {"active", "deferred", "bounce", "hold"}) fs::remove(directory / queue);
    messages("incoming", 1);
    const auto got = error();
    BOOST_TEST((got.kind == util::ErrorKind::invalid));
    BOOST_TEST(contains(got, "no Postfix queue directory"));
}

BOOST_AUTO_TEST_CASE(refuses_a_queue_that_is_a_symbolic_link) {
    messages("elsewhere", 3);
    for (const char* queue : {"hold", "maildrop"}) {
        fs::remove(directory / queue);
        fs::create_directory_symlink("elsewhere", directory / queue);
        const auto got = error();
        BOOST_TEST((got.kind == util::ErrorKind::invalid));
        BOOST_TEST(contains(got, (directory / queue).string()));
        fs::remove(directory / queue);
    }
}

BOOST_AUTO_TEST_CASE(opens_no_directory_through_a_symbolic_link) {
    // What a taken-over postfix user could put in the place of a directory between the look and the opening.
    fs::create_directories(directory / "elsewhere/sub");
    fs::create_directory_symlink("../elsewhere", directory / "hold/link");
    fs::create_directories(directory / "hold/real/sub");
    const util::Fd root{::open(directory.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    const QueueDirectory hold{"hold", Arrivals::ignored};
    const QueueDirectory link{"link", Arrivals::ignored, &hold};
    const QueueDirectory real{"real", Arrivals::ignored, &hold};
    BOOST_TEST(!open_directory(root.get(), link, O_RDONLY).has_value());
    BOOST_TEST(!open_directory(root.get(), QueueDirectory{"sub", Arrivals::ignored, &link}, O_RDONLY).has_value());
    BOOST_TEST(open_directory(root.get(), QueueDirectory{"sub", Arrivals::ignored, &real}, O_RDONLY).has_value());
}

BOOST_AUTO_TEST_CASE(names_the_directory_and_the_capability_when_it_may_not_read) {
    BOOST_TEST_REQUIRE(::geteuid() == 0U, "this case takes root, to become somebody else");
    messages("deferred/0", 1);
    fs::permissions(directory / "deferred", fs::perms::none);
    BOOST_TEST_REQUIRE(::seteuid(65534) == 0);
    const auto got = reader.read(in_a_minute());
    BOOST_TEST_REQUIRE(::seteuid(0) == 0);
    BOOST_TEST_REQUIRE(!got.has_value());
    BOOST_TEST((got.error().kind == util::ErrorKind::denied));
    BOOST_TEST(contains(got.error(), (directory / "deferred").string()));
    BOOST_TEST(contains(got.error(), "CAP_DAC_READ_SEARCH"));
    BOOST_TEST(counts().deferred == 1U);  // and is itself again
}

BOOST_AUTO_TEST_CASE(names_a_cause_that_has_no_remedy_here) {
    messages("deferred", 1);
    rlimit before{};
    BOOST_TEST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    std::string last;
    const auto fails_with = [&](rlim_t most) {
        const rlimit limit{most, before.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &limit);
        const auto got = reader.read(in_a_minute());
        ::setrlimit(RLIMIT_NOFILE, &before);
        if (!got) last = got.error().message;
        return !got.has_value();
    };
    rlim_t most = 3;
    while (most < 64 && fails_with(most)) ++most;
    // With the most descriptors that are too few the queue directory is open, and one of its queues is not.
    BOOST_TEST(last.ends_with("Too many open files"), last);
    BOOST_TEST(last.find(directory.path().string() + "/") != std::string::npos, last);
    BOOST_TEST(counts().deferred == 1U);
}

BOOST_AUTO_TEST_CASE(a_directory_below_a_queue_that_may_not_be_read_is_an_error_and_not_empty) {
    BOOST_TEST_REQUIRE(::geteuid() == 0U, "this case takes root, to become somebody else");
    messages("deferred/0/A", 1);
    for (const char* const closed : {"deferred/0", "deferred/0/A"}) {
        fs::permissions(directory / closed, fs::perms::none);
        QueueReader unprivileged{directory.path(), {.now = long_after}};
        BOOST_TEST_REQUIRE(::seteuid(65534) == 0);
        const auto got = unprivileged.read(in_a_minute());
        BOOST_TEST_REQUIRE(::seteuid(0) == 0);
        fs::permissions(directory / closed, fs::perms{0755});
        BOOST_TEST_REQUIRE(!got.has_value(), closed);
        BOOST_TEST((got.error().kind == util::ErrorKind::denied));
        BOOST_TEST(contains(got.error(), (directory / closed).string()));
    }
}

BOOST_AUTO_TEST_CASE(does_not_ask_for_the_capability_that_is_there) {
    BOOST_TEST_REQUIRE(::geteuid() == 0U, "this case takes root, to become somebody else");
    messages("deferred/0", 1);
    fs::permissions(directory / "deferred", fs::perms::none);
    QueueReader capable(directory.path(), {.may_read_all = []() noexcept { return true; }});
    BOOST_TEST_REQUIRE(::seteuid(65534) == 0);
    const auto got = capable.read(in_a_minute());
    BOOST_TEST_REQUIRE(::seteuid(0) == 0);
    BOOST_TEST_REQUIRE(!got.has_value());
    BOOST_TEST(!contains(got.error(), "needs CAP_DAC_READ_SEARCH"));
    BOOST_TEST(contains(got.error(), "systemctl restart ceymail-metrics"));
}

BOOST_AUTO_TEST_CASE(stops_at_the_deadline_and_goes_on_later) {
    messages("deferred/0", 3);
    const auto late = reader.read(util::BootClock::now() - 1s);
    BOOST_TEST_REQUIRE(!late.has_value());
    BOOST_TEST((late.error().kind == util::ErrorKind::timed_out));
    BOOST_TEST(counts().deferred == 3U);
}

BOOST_AUTO_TEST_CASE(refuses_to_go_deeper_than_postfix_ever_hashes) {
    fs::path deep = "deferred";
    for (int i = 0; i < 16; ++i) deep /= "A";
    message(deep / "m0");
    BOOST_TEST(counts().deferred == 1U);
    fs::create_directory(directory / deep / "A");
    const auto got = error();
    BOOST_TEST((got.kind == util::ErrorKind::exhausted));
    BOOST_TEST(contains(got, "A/A"));
}

BOOST_AUTO_TEST_CASE(tells_the_oldest_deferred_message_by_its_long_id) {
    BOOST_TEST(!oldest().has_value());
    message("deferred/0/0000050000z1");
    message("deferred/1/0000040002z2");
    message("deferred/1/0000040003z3");
    message("hold/0000010000z4");
    BOOST_TEST_REQUIRE(oldest().has_value());
    BOOST_TEST(oldest()->count() == 4'000'002);
    fs::remove(directory / "deferred/1/0000040002z2");
    BOOST_TEST(oldest()->count() == 4'000'003);
}

BOOST_AUTO_TEST_CASE(asks_no_file_whose_name_tells_its_arrival) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = births}};
    message("deferred/0/0000050000z1");
    BOOST_TEST(oldest(asking).value().count() == 5'000'000);
    BOOST_TEST(asked == 0);
}

BOOST_AUTO_TEST_CASE(tells_the_birth_of_the_oldest_file_where_ids_are_short) {
    message("incoming/C3CD21F3E90");
    let_the_file_clock_tick();
    const auto arrival = born(directory / "incoming/C3CD21F3E90");
    message("deferred/1/C3CD21F3E91");
    for (const char* next : {"active/C3CD21F3E90", "deferred/0/C3CD21F3E90"}) {
        fs::create_directories((directory / next).parent_path());
        const char* here = fs::exists(directory / "incoming/C3CD21F3E90") ? "incoming" : "active";
        fs::rename(directory / here / "C3CD21F3E90", directory / next);
    }
    // Postfix sets it to the time of the next attempt.
    const timespec times[] = {{.tv_sec = 1'000, .tv_nsec = 0}, {.tv_sec = 1'000, .tv_nsec = 0}};
    BOOST_TEST_REQUIRE(::utimensat(AT_FDCWD, (directory / "deferred/0/C3CD21F3E90").c_str(), times, 0) == 0);
    BOOST_TEST_REQUIRE(oldest().has_value());
    BOOST_TEST(oldest()->count() == arrival.count());
    fs::remove(directory / "deferred/0/C3CD21F3E90");
    BOOST_TEST(oldest().value().count() == born(directory / "deferred/1/C3CD21F3E91").count());
    fs::remove(directory / "deferred/1/C3CD21F3E91");
    BOOST_TEST(!oldest().has_value());
}

BOOST_AUTO_TEST_CASE(tells_the_oldest_of_both_kinds_of_ids) {
    message("deferred/0/C3CD21F3E90");
    message("deferred/0/0000050000z1");
    BOOST_TEST(oldest().value().count() == 5'000'000);
    fs::remove(directory / "deferred/0/0000050000z1");
    message("deferred/0/zzzzzz0000z1");  // in the year 2596
    BOOST_TEST(oldest().value().count() == born(directory / "deferred/0/C3CD21F3E90").count());
    fs::remove(directory / "deferred/0/C3CD21F3E90");
    BOOST_TEST(oldest().value().count() == 19'770'609'663'000'000);
}

BOOST_AUTO_TEST_CASE(asks_for_each_birth_once) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = births}};
    for (int i = 0; i < 16; ++i) messages(fs::path("deferred") / k_digits.substr(i, 1), 10);
    BOOST_TEST(oldest(asking).has_value());
    BOOST_TEST(asked == 160);
    BOOST_TEST(oldest(asking).has_value());
    BOOST_TEST(asked == 160);
    message("deferred/3/new");
    fs::remove(directory / "deferred/3/m4");
    fs::remove(directory / "deferred/5/m4");
    BOOST_TEST(oldest(asking).has_value());
    BOOST_TEST(asked == 161);
    fs::rename(directory / "deferred/3/new", directory / "active/new");
    BOOST_TEST(oldest(asking).has_value());
    fs::rename(directory / "active/new", directory / "deferred/3/new");  // it may be another one by now
    BOOST_TEST(oldest(asking).has_value());
    BOOST_TEST(asked == 162);
}

BOOST_AUTO_TEST_CASE(asks_for_a_part_of_many_births_in_each_call_and_tells_none_until_it_has_all) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = births}};
    messages("deferred/0", 600);
    messages("deferred/1", 400);
    BOOST_TEST(!oldest(asking).has_value());
    BOOST_TEST(asked == 0);  // the first is to be fast
    for (const int so_far : {256, 512, 768}) {
        BOOST_TEST(!oldest(asking).has_value());
        BOOST_TEST(asked == so_far);
    }
    BOOST_TEST(oldest(asking).has_value());
    BOOST_TEST(asked == 1000);
}

BOOST_AUTO_TEST_CASE(tells_none_of_a_later_queue_until_it_has_all) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = births}};
    messages("deferred/0", 10);
    BOOST_TEST(oldest(asking).has_value());
    messages("deferred/1", 2000);
    for (int calls = 0; calls < 3; ++calls) BOOST_TEST(!oldest(asking).has_value());
    BOOST_TEST(asked == 10 + 3 * 502);  // a quarter of 2010 each
    BOOST_TEST(oldest(asking).has_value());
    BOOST_TEST(asked == 2010);
}

BOOST_AUTO_TEST_CASE(tells_none_where_the_file_system_keeps_no_births_and_asks_but_one) {
    static int asked_in_vain;
    asked_in_vain = 0;
    const BirthReader none = [](int, const char*) noexcept -> std::expected<std::chrono::microseconds, int> {
        ++asked_in_vain;
        return std::unexpected(ENODATA);
    };
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = none}};
    for (int i = 0; i < 16; ++i) messages(fs::path("deferred") / k_digits.substr(i, 1), 5);
    BOOST_TEST(!oldest(asking).has_value());
    BOOST_TEST(asked_in_vain == 1);
    BOOST_TEST(!oldest(asking).has_value());
    BOOST_TEST(asked_in_vain == 2);
}

BOOST_AUTO_TEST_CASE(tells_none_where_there_are_more_births_than_are_to_be_remembered) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = births, .max_births = 10}};
    messages("deferred/0", 10);
    BOOST_TEST(oldest(asking).has_value());
    message("deferred/0/more");
    BOOST_TEST(!oldest(asking).has_value());
    BOOST_TEST(asked == 10);
    fs::remove(directory / "deferred/0/more");
    BOOST_TEST(oldest(asking).has_value());
    BOOST_TEST(asked == 20);  // they had been forgotten
}

BOOST_AUTO_TEST_CASE(asks_again_in_an_unchanged_directory_after_there_were_too_many_births_elsewhere) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = births, .max_births = 10}};
    messages("deferred/0", 10);
    const auto first = oldest(asking);
    BOOST_TEST(asked == 10);
    message("deferred/1/more");
    BOOST_TEST(!oldest(asking).has_value());
    fs::remove(directory / "deferred/1/more");
    BOOST_TEST((oldest(asking) == first));
    BOOST_TEST(asked == 20);
}

BOOST_AUTO_TEST_CASE(a_message_that_goes_while_its_birth_is_asked_for_is_no_obstacle) {
    const BirthReader gone = [](int at, const char* name) noexcept -> std::expected<std::chrono::microseconds, int> {
        if (std::string_view(name) == "m3") return std::unexpected(ENOENT);
        return birth_of(at, name);
    };
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = gone}};
    messages("deferred/0", 5);
    BOOST_TEST(oldest(asking).value().count() == born(directory / "deferred/0/m0").count());
}

BOOST_AUTO_TEST_CASE(takes_no_longer_for_births_than_half_the_time_there_is) {
    const BirthReader slow = [](int at, const char* name) noexcept {
        std::this_thread::sleep_for(5ms);
        return birth_of(at, name);
    };
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = slow}};
    messages("deferred/0", 200);
    const auto begin = util::BootClock::now();
    (void)counts(asking);
    BOOST_TEST(!asking.oldest_deferred(begin - 1s).has_value());
    BOOST_TEST(!asking.oldest_deferred(in_a_minute()).has_value());
    BOOST_TEST((util::BootClock::now() - begin < 500ms));  // 200 of them take a second
    for (int calls = 0; calls < 200 && !asking.oldest_deferred(in_a_minute()); ++calls) {
    }
    BOOST_TEST(asking.oldest_deferred(in_a_minute()).has_value());
}

// The births of files by their names, which begin with m and a number: that many seconds since the epoch.
std::expected<std::chrono::microseconds, int> birth_by_name(int, const char* name) noexcept {
    return std::chrono::seconds(std::strtoll(name + 1, nullptr, 10));
}

// How many deferred messages arrived before `seconds`, after one more read.
constexpr std::uint64_t k_not_known = ~0ULL;
std::uint64_t before(const Queue& queue, QueueReader& reader, int seconds) {
    (void)queue.oldest(reader);
    return reader.deferred_before(std::chrono::seconds(seconds)).value_or(k_not_known);
}

BOOST_AUTO_TEST_CASE(tells_how_many_deferred_messages_arrived_before_a_time_by_their_long_ids) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = births}};
    BOOST_TEST(before(*this, asking, 1'000'000) == 0U);
    message("deferred/0/0000050000z1");  // at 5 s
    message("deferred/1/0000040002z2");
    message("deferred/1/0000040003z3");
    message("deferred/zzzzzz0000z1");  // in the year 2596
    message("hold/0000010000z4");
    BOOST_TEST(before(*this, asking, 4) == 0U);
    BOOST_TEST(before(*this, asking, 5) == 2U);
    BOOST_TEST(before(*this, asking, 6) == 3U);
    BOOST_TEST(before(*this, asking, 2'000'000'000) == 3U);
    fs::remove(directory / "deferred/1/0000040002z2");
    BOOST_TEST(before(*this, asking, 5) == 1U);
    BOOST_TEST(asked == 0);
}

BOOST_AUTO_TEST_CASE(tells_how_many_deferred_messages_arrived_before_a_time_by_their_births) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = birth_by_name}};
    for (int i = 0; i < 100; ++i) message("deferred/" + std::to_string(i % 3) + "/m" + std::to_string(1000 + i));
    // Postfix sets it to the time of the next attempt.
    const timespec times[] = {{.tv_sec = 9'000, .tv_nsec = 0}, {.tv_sec = 9'000, .tv_nsec = 0}};
    BOOST_TEST_REQUIRE(::utimensat(AT_FDCWD, (directory / "deferred/0/m1000").c_str(), times, 0) == 0);
    BOOST_TEST(before(*this, asking, 1000) == 0U);
    BOOST_TEST(before(*this, asking, 1001) == 1U);
    BOOST_TEST(before(*this, asking, 1060) == 60U);
    BOOST_TEST(before(*this, asking, 2000) == 100U);
    message("deferred/0/0000050000z1");
    fs::remove(directory / "deferred/1/m1001");
    BOOST_TEST(before(*this, asking, 1060) == 60U);
    BOOST_TEST(before(*this, asking, 6) == 1U);
}

BOOST_AUTO_TEST_CASE(reads_nothing_again_while_messages_grow_older) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = births}};
    for (int i = 0; i < 16; ++i) messages(fs::path("deferred") / k_digits.substr(i, 1), 10);
    const auto now = std::chrono::floor<std::chrono::seconds>(file_clock_now());
    (void)oldest(asking);
    const auto read_so_far = asking.directories_read();
    BOOST_TEST(asking.deferred_before(now - 1h).value() == 0U);
    BOOST_TEST(asking.deferred_before(now + 1h).value() == 160U);
    BOOST_TEST(directories_read_again(asking) == 0U);
    BOOST_TEST(before(*this, asking, 2'000'000'000) == 160U);
    BOOST_TEST(asking.directories_read() == read_so_far);
    BOOST_TEST(asked == 160);
}

BOOST_AUTO_TEST_CASE(does_not_tell_how_many_are_older_until_all_births_are_known) {
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = birth_by_name}};
    messages("deferred/0", 600);
    for (int calls = 0; calls < 3; ++calls) BOOST_TEST(before(*this, asking, 300) == k_not_known);
    BOOST_TEST(before(*this, asking, 300) == 300U);
    messages("deferred/1", 600);
    BOOST_TEST(before(*this, asking, 300) == k_not_known);
    (void)before(*this, asking, 300);
    BOOST_TEST(before(*this, asking, 300) == 600U);
    // Before the births of a change are known as well.
    message("deferred/1/m7b");
    (void)counts(asking);
    BOOST_TEST(!asking.deferred_before(300s).has_value());
    BOOST_TEST(before(*this, asking, 300) == 601U);
}

BOOST_AUTO_TEST_CASE(does_not_tell_how_many_are_older_where_the_file_system_keeps_no_births) {
    const BirthReader none = [](int, const char*) noexcept -> std::expected<std::chrono::microseconds, int> {
        return std::unexpected(ENODATA);
    };
    QueueReader asking{directory.path(), {.now = long_after, .birth_of = none}};
    message("deferred/0/0000050000z1");
    BOOST_TEST(before(*this, asking, 6) == 1U);
    message("deferred/1/m1");
    BOOST_TEST(before(*this, asking, 6) == k_not_known);
    fs::remove(directory / "deferred/1/m1");
    BOOST_TEST(before(*this, asking, 6) == 1U);
    message("deferred/m1");
    BOOST_TEST(before(*this, asking, 6) == k_not_known);
    fs::remove_all(directory / "deferred");
    BOOST_TEST(before(*this, asking, 6) == 0U);
}

BOOST_AUTO_TEST_CASE(does_not_tell_how_many_are_older_where_there_are_more_than_are_to_be_remembered) {
    for (const auto& [name, digits] : {std::pair{"m1", 3U}, std::pair{"0000010000z", 4U}}) {
        QueueReader asking{directory.path(), {.now = long_after, .birth_of = birth_by_name, .max_arrival_times = 640}};
        const auto file = [&](int i) {
            return fs::path("deferred/0") / (name + std::to_string(1000 + i).substr(4 - digits));
        };
        for (int i = 0; i < 640; ++i) message(file(i));
        message("deferred/1/0000010000z1");
        (void)oldest(asking);
        for (int calls = 0; calls < 4; ++calls) (void)oldest(asking);
        BOOST_TEST(before(*this, asking, 2'000'000'000) == k_not_known);
        BOOST_TEST(oldest(asking).value().count() == 1'000'000);  // which takes no room
        // There is room again, also for a directory that did not change meanwhile.
        for (int i = 0; i < 100; ++i) fs::remove(directory / file(i));
        for (int calls = 0; calls < 3; ++calls) (void)oldest(asking);
        BOOST_TEST(before(*this, asking, 2'000'000'000) == 541U);
        BOOST_TEST(directories_read_again(asking) == 0U);
        // What is read again needs no room twice.
        fs::rename(directory / file(639), directory / file(0));
        BOOST_TEST(before(*this, asking, 2'000'000'000) == 541U);
        fs::remove_all(directory / "deferred/0");
    }
}

// What a reader that remembers nothing would tell.
struct Recount {
    std::map<std::string, std::uint64_t> files;
    std::vector<std::chrono::microseconds> arrivals;  // of deferred messages

    explicit Recount(const fs::path& directory) {
        for (const std::string queue : {"active", "deferred", "bounce", "hold", "incoming", "maildrop"}) {
            if (!fs::exists(directory / queue)) continue;
            for (const auto& entry : fs::recursive_directory_iterator(directory / queue)) {
                const auto name = entry.path().filename().string();
                if (!entry.is_regular_file() || !is_message_name(name)) continue;
                ++files[queue];
                if (queue == "deferred")
                    arrivals.push_back(arrival_of(name).value_or(*birth_by_name(-1, name.c_str())));
            }
        }
    }
    [[nodiscard]] std::uint64_t before(std::chrono::seconds time) const {
        return static_cast<std::uint64_t>(
            std::ranges::count_if(arrivals, [&](auto arrival) { return arrival < time; }));
    }
};

BOOST_AUTO_TEST_CASE(tells_after_random_changes_what_a_recount_tells) {
    std::mt19937 random(13);
    const auto any = [&](auto... each) {
        const fs::path all[] = {each...};
        return all[random() % std::size(all)];
    };
    QueueReader checking{directory.path(),
                         {.types = EntryTypes::checked, .now = long_after, .birth_of = birth_by_name}};
    QueueReader parallel{directory.path(),
                         {.now = long_after, .birth_of = birth_by_name, .max_threads = 3, .parallel_min_bytes = 0}};
    const auto change = [&] {
        const auto number = std::to_string(random() % 30);
        const std::string tens(1, k_digits[random() % 10]);
        const fs::path name = any("m" + number, "0000" + tens + "50000z" + number, ".m" + number);
        const auto place = [&] {
            return any("active", "deferred", "deferred/0", "deferred/1", "deferred/1/A", "bounce", "hold", "incoming",
                       "maildrop");
        };
        const auto from = place();
        switch (random() % 8) {
            case 0:
                fs::remove_all(directory / any("deferred/0", "deferred/1", "maildrop", "incoming", "hold"));
                break;
            case 1:
            case 2:
                fs::remove(directory / from / name);
                break;
            case 3:
                if (const auto to = place(); fs::exists(directory / from / name)) {
                    fs::create_directories(directory / to);
                    fs::rename(directory / from / name, directory / to / name);
                }
                break;
            default:
                message(from / name);
        }
    };
    for (int round = 0; round < 200; ++round) {
        for (auto changes = random() % 12; changes > 0; --changes) change();
        Recount want(directory.path());
        const std::chrono::seconds time(random() % 2 == 0 ? random() % 40 : random() % 500);
        for (QueueReader* each : {&checking, &parallel}) {
            const auto got = counts(*each);
            const auto known = each->oldest_deferred(in_a_minute());
            BOOST_TEST(got.active == want.files["active"]);
            BOOST_TEST(got.deferred == want.files["deferred"]);
            BOOST_TEST(got.bounce == want.files["bounce"]);
            BOOST_TEST(got.hold == want.files["hold"]);
            BOOST_TEST(got.incoming == want.files["incoming"]);
            BOOST_TEST(got.maildrop == want.files["maildrop"]);
            BOOST_TEST(each->deferred_before(time).value() == want.before(time));
            BOOST_TEST(known.has_value() == !want.arrivals.empty());
            if (known) BOOST_TEST(known->count() == std::ranges::min(want.arrivals).count());
        }
    }
}

std::string exposed(const Families& families) {
    std::string lines;
    for (const auto& family : families) {
        for (const auto& [labels, value] : family.samples) {
            lines += family.name + (labels.empty() ? "" : '{' + labels.at(0).second + '}') + ' ';
            if (const auto* count = std::get_if<std::uint64_t>(&value)) lines += std::to_string(*count);
            if (const auto* number = std::get_if<double>(&value)) lines += std::to_string(*number);
            lines += '\n';
        }
    }
    return lines;
}

// The lines of ceymail_queue_deferred_older_than.
std::string older_than(const char* minutes_5, const char* hours_1, const char* hours_6, const char* day_1,
                       const char* days_3) {
    std::string lines;
    for (const auto& [age, count] : {std::pair{"5m", minutes_5}, std::pair{"1h", hours_1}, std::pair{"6h", hours_6},
                                     std::pair{"1d", day_1}, std::pair{"3d", days_3}})
        lines += std::string("ceymail_queue_deferred_older_than{") + age + "} " + count + "\n";
    return lines;
}

BOOST_AUTO_TEST_CASE(collects_six_gauges_and_those_of_arrivals_where_they_are_known) {
    QueueCollector collector({directory.path()});
    messages("hold", 2);
    messages("incoming", 1);
    messages("maildrop", 3);
    const std::string six =
        "ceymail_queue_active 0\nceymail_queue_deferred 0\nceymail_queue_bounce 0\nceymail_queue_hold 2\n"
        "ceymail_queue_incoming 1\nceymail_queue_maildrop 3\n";
    BOOST_TEST(exposed(collector.collect(in_a_minute()).value()) == six + older_than("0", "0", "0", "0", "0"));
    message("deferred/0000040002z2");
    BOOST_TEST(exposed(collector.collect(in_a_minute()).value())
                   .ends_with("ceymail_queue_maildrop 3\nceymail_queue_oldest_deferred_timestamp_seconds 4.000002\n" +
                              older_than("1", "1", "1", "1", "1")));
}

BOOST_AUTO_TEST_CASE(counts_a_message_as_older_when_it_has_reached_that_age_and_not_before) {
    static std::atomic<FileTime> clock;
    QueueCollector collector({directory.path()},
                             {.now = []() noexcept { return clock.load(); }, .birth_of = birth_by_name});
    message("deferred/0/m1000000");
    const auto at = [&](std::chrono::milliseconds age) {
        clock = 1'000'000s + age;
        return exposed(collector.collect(in_a_minute()).value());
    };
    const auto day = 24h;
    const struct {
        std::chrono::milliseconds age;
        std::string want;
    } table[] = {
        {-1h, older_than("0", "0", "0", "0", "0")},  // the clock was set back
        {5min, older_than("0", "0", "0", "0", "0")},         {5min + 999ms, older_than("0", "0", "0", "0", "0")},
        {5min + 1s, older_than("1", "0", "0", "0", "0")},    {1h + 1s, older_than("1", "1", "0", "0", "0")},
        {6h, older_than("1", "1", "0", "0", "0")},           {6h + 1s, older_than("1", "1", "1", "0", "0")},
        {day + 1s, older_than("1", "1", "1", "1", "0")},     {3 * day, older_than("1", "1", "1", "1", "0")},
        {3 * day + 1s, older_than("1", "1", "1", "1", "1")},
    };
    for (const auto& row : table) BOOST_TEST(at(row.age).ends_with(row.want), at(row.age));
}

BOOST_AUTO_TEST_CASE(collects_nothing_when_a_queue_cannot_be_read) {
    BOOST_TEST(!QueueCollector({"/nowhere"}).collect(in_a_minute()).has_value());
}

BOOST_AUTO_TEST_CASE(sums_the_queues_of_several_instances) {
    const Queue other;
    messages("hold", 2);
    other.messages("hold", 3);
    other.messages("active", 1);
    messages("maildrop", 1);
    other.messages("maildrop", 1);
    message("deferred/0000050000z1");
    other.message("deferred/0000040002z2");
    QueueCollector collector({directory.path(), other.directory.path()});
    const auto sums = exposed(collector.collect(in_a_minute()).value());
    BOOST_TEST(sums ==
               "ceymail_queue_active 1\nceymail_queue_deferred 2\nceymail_queue_bounce 0\nceymail_queue_hold 5\n"
               "ceymail_queue_incoming 0\nceymail_queue_maildrop 2\n"
               "ceymail_queue_oldest_deferred_timestamp_seconds 4.000002\n" +
                   older_than("2", "2", "2", "2", "2"));
}

BOOST_AUTO_TEST_CASE(tells_the_ages_of_several_instances_only_where_those_of_each_are_known) {
    const Queue other;
    message("deferred/0000050000z1");
    QueueCollector collector({directory.path(), other.directory.path()});
    const auto is_told = [&] {
        const auto lines = exposed(collector.collect(in_a_minute()).value());
        BOOST_TEST(lines.contains("oldest") == lines.contains("older_than"), lines);
        return lines.contains("oldest");
    };
    BOOST_TEST(is_told());  // nothing is deferred in the other
    other.messages("deferred", 300);
    BOOST_TEST(!is_told());
    BOOST_TEST(is_told());
}

BOOST_AUTO_TEST_CASE(collects_no_partial_sum_and_names_the_instance_that_fails) {
    const Queue other;
    messages("hold", 2);
    QueueCollector collector({directory.path(), other.directory.path()});
    fs::rename(other.directory / "hold", other.directory / "kept");
    fs::create_directory_symlink("kept", other.directory / "hold");
    const auto got = collector.collect(in_a_minute());
    BOOST_TEST_REQUIRE(!got.has_value());
    BOOST_TEST(contains(got.error(), (other.directory / "hold").string()));
    fs::remove(other.directory / "hold");
    fs::rename(other.directory / "kept", other.directory / "hold");
    BOOST_TEST(collector.collect(in_a_minute()).has_value());
}

BOOST_AUTO_TEST_CASE(counts_no_directory_twice_under_two_names) {
    const testing::TemporaryDirectory names;
    fs::create_directory_symlink(directory.path(), names / "link");
    const auto got = QueueCollector({directory.path(), names / "link"}).collect(in_a_minute());
    BOOST_TEST_REQUIRE(!got.has_value());
    BOOST_TEST((got.error().kind == util::ErrorKind::invalid));
    BOOST_TEST(contains(got.error(), (names / "link").string() + " are the same"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
