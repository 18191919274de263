// SPDX-License-Identifier: MIT
// The pieces that every room stands on.
#include <algorithm>
#include <array>
#include <cerrno>
#include <set>
#include <string>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/directory.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/log.hpp"
#include "ceymail/util/processors.hpp"
#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"
#include "support/forked_child.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail::util;
using ceymail::testing::TemporaryDirectory;
using namespace std::chrono_literals;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

std::string read_what_is_there(const Fd& fd) {
    std::string all;
    std::array<char, 4096> some{};
    pollfd one{fd.get(), POLLIN, 0};
    while (::poll(&one, 1, 0) > 0) {
        const auto length = ::read(fd.get(), some.data(), some.size());
        if (length <= 0) break;
        all.append(some.data(), static_cast<std::size_t>(length));
    }
    return all;
}

// What log() writes, caught by a pipe in the place of standard error.
std::string logged(std::initializer_list<std::string_view> pieces) {
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const Fd read_end{ends[0]};
    Fd write_end{ends[1]};
    const Fd saved{::dup(STDERR_FILENO)};
    ::dup2(write_end.get(), STDERR_FILENO);
    log(LogLevel::warning, pieces);
    ::dup2(saved.get(), STDERR_FILENO);
    write_end.reset();
    std::string line(4096, '\0');
    line.resize(static_cast<std::size_t>(::read(read_end.get(), line.data(), line.size())));
    return line;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(util)

BOOST_AUTO_TEST_CASE(a_descriptor_closes_itself) {
    int raw = -1;
    {
        const Fd fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        raw = fd.get();
        BOOST_TEST(is_open(raw));
    }
    BOOST_TEST(!is_open(raw));
}

BOOST_AUTO_TEST_CASE(a_moved_descriptor_has_one_owner) {
    Fd first{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    const int raw = first.get();
    Fd second{std::move(first)};
    BOOST_TEST(second.get() == raw);
    Fd third;
    third = std::move(second);
    BOOST_TEST(third.release() == raw);
    BOOST_TEST(is_open(raw));
    ::close(raw);
}

BOOST_AUTO_TEST_CASE(closing_keeps_errno) {
    Fd fd{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    errno = ENOTTY;
    fd.reset();
    BOOST_TEST(errno == ENOTTY);
}

BOOST_AUTO_TEST_CASE(an_errno_becomes_words_and_a_remedy) {
    const auto error = fail_errno(EACCES, "cannot read /x", "the unit needs CAP_DAC_READ_SEARCH").error();
    BOOST_TEST(error.message == "cannot read /x: Permission denied; the unit needs CAP_DAC_READ_SEARCH");
    BOOST_TEST((error.kind == ErrorKind::denied));
    BOOST_TEST(error.code == EACCES);
}

BOOST_AUTO_TEST_CASE(the_time_left_is_rounded_up_and_bounded) {
    struct Case {
        const char* label;
        std::chrono::nanoseconds left;
        int want;
    };
    const Case cases[] = {{"none", 0ns, 0},  {"past", -1s, 0},        {"a moment", 1ns, 1}, {"just over", 1000001ns, 2},
                          {"exact", 5ms, 5}, {"ages", 1000h, 3600000}};
    const BootTime now{100h};
    for (const Case& one : cases) BOOST_TEST(remaining_ms(now + one.left, now) == one.want, one.label);
}

BOOST_AUTO_TEST_CASE(the_clock_goes_forward) {
    const auto first = BootClock::now();
    BOOST_TEST((first > BootTime{}));
    BOOST_TEST((BootClock::now() >= first));
}

BOOST_AUTO_TEST_CASE(the_clock_of_work_is_the_kernels_that_stands_still_in_a_suspend) {
    timespec before{};
    timespec after{};
    clock_gettime(CLOCK_MONOTONIC, &before);
    const auto now = AwakeClock::now().time_since_epoch();
    clock_gettime(CLOCK_MONOTONIC, &after);
    const auto ns = [](const timespec& time) { return std::chrono::seconds(time.tv_sec) + time.tv_nsec * 1ns; };
    BOOST_TEST((ns(before) <= now && now <= ns(after)));
    BOOST_TEST(remaining_ms(AwakeClock::now() - 1s) == 0);
    BOOST_TEST(remaining_ms(AwakeClock::now() + 5s) > 1000);
}

BOOST_AUTO_TEST_CASE(a_file_longer_than_the_limit_is_refused) {
    BOOST_TEST_REQUIRE(read_file("/proc/self/status").has_value());
    const auto got = read_file("/proc/self/status", 10);
    BOOST_TEST_REQUIRE(!got.has_value());
    BOOST_TEST(got.error().message == "cannot read /proc/self/status: it is longer than 10 bytes");
}

BOOST_AUTO_TEST_CASE(a_directory_tells_each_name_once) {
    const TemporaryDirectory there;
    for (const char* name : {"a", ".hidden", "b"}) there.write(name, "");
    auto directory = Directory::open(there.path());
    BOOST_TEST_REQUIRE(directory.has_value());
    std::set<std::string> names;
    for (auto name = directory->next(); name && !name->empty(); name = directory->next())
        BOOST_TEST(names.emplace(*name).second);
    BOOST_TEST((names == std::set<std::string>{".hidden", "a", "b"}));
    BOOST_TEST(directory->next().value().empty());
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_none_is_named) {
    BOOST_TEST(Directory::open("/proc/self/status").error().message ==
               "cannot read /proc/self/status: Not a directory");
}

BOOST_AUTO_TEST_CASE(sha256_is_that_of_fips_180_4) {
    const Digest got = sha256("abc");
    BOOST_TEST(got[0] == 0xba);
    BOOST_TEST(got[1] == 0x78);
    BOOST_TEST(got[31] == 0xad);
    BOOST_TEST(equal_in_constant_time(got, sha256("abc")));
    BOOST_TEST(!equal_in_constant_time(got, sha256("abd")));
}

BOOST_AUTO_TEST_CASE(a_secret_leaves_nothing_behind_when_it_moves) {
    Secret first{"short"};
    Secret second{std::move(first)};
    BOOST_TEST(second.reveal() == "short");
    BOOST_TEST(first.empty());
    second = Secret{"another"};
    BOOST_TEST(second.reveal() == "another");
}

BOOST_AUTO_TEST_CASE(a_log_line_is_one_line_whatever_is_in_it) {
    BOOST_TEST(logged({"a\nb\x1b[0m\x7f"}).ends_with(": a?b?[0m?\n"));
    BOOST_TEST(logged({"a", ": ", "b"}).ends_with(": a: b\n"));
}

BOOST_AUTO_TEST_CASE(an_endless_log_line_is_cut) {
    const std::string line = logged({std::string(5000, 'x')});
    BOOST_TEST(line.size() == 1024U);
    BOOST_TEST(line.back() == '\n');
}

// A journald that hangs reads its socket no more. A process that waited for it would serve no more.
BOOST_AUTO_TEST_CASE(a_log_that_nothing_reads_stops_no_process) {
    std::array<std::array<int, 2>, 2> kinds{};
    BOOST_TEST_REQUIRE(::pipe2(kinds[0].data(), O_CLOEXEC) == 0);
    BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, kinds[1].data()) == 0);
    for (const auto& ends : kinds) {
        const Fd read_end{ends[0]};
        const Fd write_end{ends[1]};
        ceymail::testing::ForkedChild child([&] {
            ::alarm(5);
            ::dup2(write_end.get(), STDERR_FILENO);
            constexpr int k_lines = 1000;
            for (int i = 0; i < k_lines; ++i) log(LogLevel::warning, std::string(1000, 'x'));
            const auto kept = std::ranges::count(read_what_is_there(read_end), '\n');
            log(LogLevel::warning, "again");
            log(LogLevel::warning, "and again");
            const auto after = read_what_is_there(read_end);
            const auto lost = ": lost " + std::to_string(k_lines - kept) + " lines before this one: ";
            return kept > 10 && kept < k_lines && after.find(lost) < after.find(": again\n") &&
                           after.find(": again\n") < after.find(": and again\n") && std::ranges::count(after, '\n') == 3
                       ? 0
                       : 1;
        });
        BOOST_TEST(child.wait() == 0);
    }
}

BOOST_AUTO_TEST_CASE(reads_the_start_of_a_file) {
    const TemporaryDirectory directory;
    const auto file = directory.write("file", "0123456789");
    BOOST_TEST(read_start(file, 4).value() == "0123");
    BOOST_TEST(read_start(file, 10).value() == "0123456789");
    BOOST_TEST(read_start(file, 100).value() == "0123456789");
    BOOST_TEST(read_start("/proc/self/maps", 10'000).value().size() > 1000U);
    BOOST_TEST((read_start(directory / "none", 4).error().kind == ErrorKind::not_found));
}

BOOST_AUTO_TEST_CASE(knows_a_bound_of_the_processors_whatever_this_process_may_use) {
    const auto bound = possible_processors();
    BOOST_TEST(bound >= static_cast<unsigned long>(::sysconf(_SC_NPROCESSORS_CONF)));
    BOOST_TEST(bound <= 8192U);
    std::thread([&] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
        BOOST_TEST_REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
        BOOST_TEST(possible_processors() == bound);
    }).join();
}

BOOST_AUTO_TEST_CASE(a_file_is_replaced_whole_or_not_at_all) {
    const TemporaryDirectory directory;
    const auto file = directory / "state";
    const auto others = [&] {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
            if (entry.path() != file) names.insert(entry.path().filename());
        return names;
    };
    BOOST_TEST(replace_file(file, "one\n").has_value());
    const Fd reader{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
    BOOST_TEST(replace_file(file, std::string(100'000, 'x')).has_value());
    BOOST_TEST(read_file(file).value() == std::string(100'000, 'x'));
    std::string old(16, ' ');
    BOOST_TEST(::pread(reader.get(), old.data(), old.size(), 0) == 4);  // a reader keeps the text that it opened
    BOOST_TEST(old.starts_with("one\n"));
    BOOST_TEST(others().empty());

    directory.write("state.new", "of a killed process, and longer than the next text");
    BOOST_TEST(replace_file(file, "two\n").has_value());
    BOOST_TEST(read_file(file).value() == "two\n");
    BOOST_TEST(others().empty());
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_replaced_keeps_its_text) {
    const TemporaryDirectory directory;
    const auto missing = replace_file(directory / "none/state", "x");
    BOOST_TEST_REQUIRE(!missing.has_value());
    BOOST_TEST((missing.error().kind == ErrorKind::not_found));
    BOOST_TEST(missing.error().message ==
               "cannot write " + (directory / "none/state").string() + ": No such file or directory");

    // A link in the place of the draft is not followed.
    const auto elsewhere = directory.write("elsewhere", "kept");
    const auto file = directory.write("state", "one\n");
    std::filesystem::create_symlink(elsewhere, directory / "state.new");
    BOOST_TEST(!replace_file(file, "two\n").has_value());
    BOOST_TEST(read_file(elsewhere).value() == "kept");
    BOOST_TEST(read_file(file).value() == "one\n");

    std::filesystem::create_directories(directory / "taken/inside");
    const auto taken = replace_file(directory / "taken", "x");
    BOOST_TEST_REQUIRE(!taken.has_value());
    BOOST_TEST(!std::filesystem::exists(directory / "taken.new"), "no draft is left");
}

BOOST_AUTO_TEST_SUITE_END()
