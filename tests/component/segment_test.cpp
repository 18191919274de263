// SPDX-License-Identifier: MIT
// Segment: one file that survives restarts, and each kind of damage.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "ceymail/shared/segment.hpp"
#include "support/forked_child.hpp"
#include "support/mount_namespace.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::admission;
using namespace ceymail::shared;
using namespace ceymail::util;
using namespace std::chrono_literals;
using testing::ForkedChild;
using util::ErrorKind;

constexpr AddressKey k_key{.network = 0x01020304, .family = AddressFamily::ipv4};

bool spend(Segment& segment) {
    RateTable table(segment.layout().rate, 60s, util::BootClock::now);
    for (std::size_t i = 0; i < k_admissions; ++i)
        if (table.admit(k_key).admission != Admission::admitted) return false;
    return true;
}

bool is_spent(Segment& segment) {
    return RateTable(segment.layout().rate, 60s, util::BootClock::now).admit(k_key).admission == Admission::spent;
}

// What is written to standard error while it lives.
class CapturedLog {
public:
    CapturedLog() : m_saved(::dup(STDERR_FILENO)) {
        const util::Fd file(::open(m_file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        ::dup2(file.get(), STDERR_FILENO);
    }
    ~CapturedLog() { ::dup2(m_saved.get(), STDERR_FILENO); }
    [[nodiscard]] std::string text() const { return testing::slurp(m_file); }

private:
    testing::TemporaryDirectory m_directory;
    std::filesystem::path m_file = m_directory / "log";
    util::Fd m_saved;
};

struct Fixture {
    Segment attached() {
        auto segment = Segment::attach(directory.path());
        if (!segment) throw std::runtime_error(segment.error().message);
        return std::move(*segment);
    }
    void make_spent_one() {
        auto segment = attached();
        BOOST_TEST_REQUIRE(spend(segment));
    }
    void overwrite(std::size_t offset, std::uint8_t mask) const {
        const util::Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
        std::uint8_t byte = 0;
        BOOST_TEST_REQUIRE(::pread(fd.get(), &byte, 1, static_cast<off_t>(offset)) == 1);
        byte ^= mask;
        BOOST_TEST_REQUIRE(::pwrite(fd.get(), &byte, 1, static_cast<off_t>(offset)) == 1);
    }
    // A damaged file that no process uses is replaced by an empty one, with one warning.
    void check_replaced(const std::string& label, std::string_view words = {}) {
        const CapturedLog log;
        auto segment = Segment::attach(directory.path());
        const auto said = log.text();
        BOOST_TEST_CONTEXT(label) {
            BOOST_TEST_REQUIRE(segment.has_value());
            BOOST_TEST((segment->origin() == SegmentOrigin::replaced));
            BOOST_TEST(spend(*segment));
            BOOST_TEST(std::ranges::count(said, '\n') == 1);
            BOOST_TEST(said.contains(words), said);
        }
    }
    void check_denied(const std::string& label, std::string_view words) const {
        const auto segment = Segment::attach(directory.path());
        BOOST_TEST_CONTEXT(label) {
            BOOST_TEST_REQUIRE(!segment.has_value());
            BOOST_TEST((segment.error().kind == ErrorKind::denied));
            BOOST_TEST(segment.error().message.contains(words), segment.error().message);
        }
    }

    testing::TemporaryDirectory directory;
    std::filesystem::path file = directory / "segment";
    std::filesystem::path draft = directory / "segment.new";
};

BOOST_FIXTURE_TEST_SUITE(segment, Fixture)

BOOST_AUTO_TEST_CASE(is_made_whole_and_for_its_owner_only) {
    const auto segment = attached();
    BOOST_TEST((segment.origin() == SegmentOrigin::made));
    struct stat status{};
    BOOST_TEST_REQUIRE(::stat(file.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 07777) == 0600U);
    BOOST_TEST(static_cast<std::size_t>(status.st_size) == sizeof(SegmentLayout));
    BOOST_TEST(status.st_blocks * 512 >= status.st_size);
    BOOST_TEST(!std::filesystem::exists(draft));
    BOOST_TEST((segment.layout().rate.seed != SipKey{}));
}

BOOST_AUTO_TEST_CASE(is_the_same_for_all_who_attach) {
    auto first = attached();
    auto second = attached();
    BOOST_TEST((second.origin() == SegmentOrigin::found));
    BOOST_TEST_REQUIRE(spend(first));
    BOOST_TEST(is_spent(second));
}

BOOST_AUTO_TEST_CASE(keeps_spent_keys_over_a_restart) {
    make_spent_one();
    auto segment = attached();
    BOOST_TEST((segment.origin() == SegmentOrigin::found));
    BOOST_TEST(is_spent(segment));
}

BOOST_AUTO_TEST_CASE(initializes_the_locks_when_no_other_process_uses_it) {
    {
        auto segment = attached();
        // Locked by a process that has exited, or damaged.
        for (auto& bucket : segment.layout().rate.buckets) std::memset(&bucket.lock, 0xa5, sizeof bucket.lock);
    }
    auto segment = attached();
    BOOST_TEST(spend(segment));
}

BOOST_AUTO_TEST_CASE(a_child_keeps_it_in_use_when_its_parent_has_gone) {
    std::array<int, 2> ready{};
    BOOST_TEST_REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
    const util::Fd reader(ready[0]);
    util::Fd writer(ready[1]);
    std::optional<Segment> segment = attached();
    ForkedChild child([&] { return ::write(writer.get(), "x", 1) == 1 ? ::pause() : 1; });
    char byte = 0;
    BOOST_TEST_REQUIRE(::read(reader.get(), &byte, 1) == 1);
    segment.reset();
    overwrite(0, 1);
    const auto refused = Segment::attach(directory.path());
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == ErrorKind::conflict));
    child.signal(SIGKILL);
    child.wait();
    check_replaced("after the child");
}

// A process that hangs on a dead mount does not exit. An upgrade does not wait for it.
BOOST_AUTO_TEST_CASE(a_gatherer_that_hangs_does_not_prevent_a_replacement) {
    std::optional<Segment> segment = attached();
    std::array<int, 2> ready{};
    BOOST_TEST_REQUIRE(::pipe2(ready.data(), O_CLOEXEC) == 0);
    const util::Fd reader(ready[0]);
    util::Fd writer(ready[1]);
    ForkedChild gatherer([&] {
        segment->keep_gatherer_only();
        return ::write(writer.get(), "x", 1) == 1 ? ::pause() : 1;
    });
    char byte = 0;
    BOOST_TEST_REQUIRE(::read(reader.get(), &byte, 1) == 1);
    segment.reset();
    overwrite(offsetof(SegmentHeader, version), 1);
    check_replaced("with the gatherer of another version", "is of another version");
}

BOOST_AUTO_TEST_CASE(no_descriptor_of_it_can_cut_it_short) {
    std::vector<Segment> segments;
    for (int i = 0; i < 2; ++i) segments.push_back(attached());  // who makes it and who joins
    {
        auto opened = Segment::open_existing(directory.path());
        BOOST_TEST_REQUIRE(opened.has_value());
        segments.push_back(std::move(*opened));
    }
    std::size_t descriptors = 0;
    for (int fd = 3; fd < 1024; ++fd) {
        struct stat status{};
        struct stat ours{};
        BOOST_TEST_REQUIRE(::stat(file.c_str(), &ours) == 0);
        if (::fstat(fd, &status) != 0 || status.st_ino != ours.st_ino || status.st_dev != ours.st_dev) continue;
        ++descriptors;
        BOOST_TEST(::ftruncate(fd, 0) != 0);
        BOOST_TEST(errno == EINVAL);
    }
    BOOST_TEST(descriptors == 3U);
    BOOST_TEST(std::filesystem::file_size(file) == sizeof(SegmentLayout));
}

BOOST_AUTO_TEST_CASE(each_role_reaches_its_own_part_alone) {
    auto segment = attached();
    auto& layout = segment.layout();
    const auto in_child = [&](auto confine, auto write) {
        return ForkedChild([&] {
                   confine();
                   write();
                   return 0;
               })
            .wait();
    };
    const auto as_gatherer = [&] { segment.keep_gatherer_only(); };
    const auto as_worker = [&] { segment.drop_gatherer(); };
    const auto keep_cpu = [&] { segment.gatherer().cpu.store({.words = {7}, .at = util::BootClock::now()}); };
    const auto lock_cgi = [&] { layout.gatherer.cgi_lock = {}; };
    const std::array<std::function<void()>, 5> of_workers{
        [&] { layout.header.magic[0] = 'x'; }, [&] { layout.rate.full_total = 1; },
        [&] { layout.rate.buckets[k_buckets - 1].networks[0] = 1; }, [&] { layout.verified.epoch = 1; },
        [&] { layout.answers[0] = 1; }};
    BOOST_TEST(in_child(as_gatherer, keep_cpu) == 0);
    for (std::size_t i = 0; i < of_workers.size(); ++i) {
        BOOST_TEST(in_child(as_gatherer, of_workers[i]) == -SIGSEGV, i);
        BOOST_TEST(in_child(as_worker, of_workers[i]) == 0, i);
    }
    BOOST_TEST(in_child(as_worker, keep_cpu) == -SIGSEGV);
    BOOST_TEST(in_child(as_worker, lock_cgi) == -SIGSEGV);
    BOOST_TEST(layout.gatherer.cpu.load().value().words[0] == 7U, "the gatherer's page is still the shared one");
    BOOST_TEST(layout.answers[0] == 1U, "so are the workers'");
}

BOOST_AUTO_TEST_CASE(every_byte_of_the_header_matters) {
    for (std::size_t offset = 0; offset < sizeof(SegmentHeader); ++offset) {
        make_spent_one();
        overwrite(offset, 0x01);
        check_replaced("byte " + std::to_string(offset));
        BOOST_TEST_REQUIRE(std::filesystem::remove(file));
    }
}

BOOST_AUTO_TEST_CASE(says_what_it_replaces) {
    (void)attached();
    overwrite(offsetof(SegmentHeader, magic), 1);
    check_replaced("magic", "is no segment of ceymail-metrics");
    overwrite(offsetof(SegmentHeader, version), 1);
    check_replaced("version", "is of another version");
    overwrite(offsetof(SegmentHeader, boot_id), 1);
    check_replaced("boot", "is of another boot");
}

BOOST_AUTO_TEST_CASE(a_file_of_another_length_is_replaced) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, sizeof(SegmentHeader) - 1, sizeof(SegmentHeader),
                                   std::size_t{4096}, sizeof(SegmentLayout) - 1, sizeof(SegmentLayout) + 1}) {
        (void)attached();
        BOOST_TEST_REQUIRE(::truncate(file.c_str(), static_cast<off_t>(size)) == 0);
        check_replaced(std::to_string(size), std::to_string(size) + " bytes");
    }
}

BOOST_AUTO_TEST_CASE(contents_that_cannot_be_are_replaced) {
    const auto ahead = (util::BootClock::now() + 1h).time_since_epoch().count();
    struct Damage {
        const char* label;
        std::function<void(SegmentLayout&)> do_it;
    };
    const std::array damages{
        Damage{"seed", [](auto& layout) { layout.rate.seed[0] ^= 1; }},
        Damage{"time of an admission",
               [=](auto& layout) {
                   for (auto& bucket : layout.rate.buckets) bucket.admitted_at[0][3] = ahead;
               }},
        Damage{"time of a verification", [=](auto& layout) { layout.verified.verified_at = ahead; }},
        Damage{"time of the next trial", [=](auto& layout) { layout.database.next_trial_at = ahead; }},
        Damage{"time of last use", [=](auto& layout) { layout.last_used_written_at = ahead; }},
        Damage{"time of a reading of the processors",
               [](auto& layout) { layout.gatherer.cpu.store({.words = {}, .at = util::BootClock::now() + 1h}); }},
        Damage{"time before the boot", [](auto& layout) { layout.last_used_written_at = -1; }},
    };
    for (const auto& damage : damages) {
        std::filesystem::remove(file);
        {
            auto segment = attached();
            BOOST_TEST_REQUIRE(spend(segment));
            damage.do_it(segment.layout());
        }
        check_replaced(damage.label, "times of the future or addresses out of place");
    }
}

BOOST_AUTO_TEST_CASE(a_file_that_others_could_touch_is_replaced) {
    for (const mode_t mode : {0644U, 0660U, 0666U, 0400U, 04600U}) {
        (void)attached();
        BOOST_TEST_REQUIRE(::chmod(file.c_str(), mode) == 0);
        check_replaced("mode " + std::to_string(mode), "mode 0600");
    }
    std::filesystem::create_hard_link(file, directory / "second");
    check_replaced("hard link", "second name");
}

BOOST_AUTO_TEST_CASE(damaged_while_others_use_it_is_left_alone) {
    auto user = attached();
    BOOST_TEST_REQUIRE(spend(user));
    overwrite(offsetof(SegmentHeader, version), 1);
    const auto refused = Segment::attach(directory.path());
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == ErrorKind::conflict));
    BOOST_TEST(refused.error().message.contains("stop every ceymail-metrics"));
    overwrite(offsetof(SegmentHeader, version), 1);
    auto again = attached();
    BOOST_TEST((again.origin() == SegmentOrigin::found));
    BOOST_TEST(is_spent(again));
}

BOOST_AUTO_TEST_CASE(a_file_of_another_kind_or_owner_is_refused_and_left) {
    const auto elsewhere = directory.write("elsewhere", "precious");
    struct Foreign {
        const char* label;
        const char* words;
        std::function<void()> make;
    };
    const std::array foreigners{
        Foreign{"symlink", "not a plain file", [&] { std::filesystem::create_symlink(elsewhere, file); }},
        Foreign{"dangling symlink", "not a plain file",
                [&] { std::filesystem::create_symlink(directory / "no", file); }},
        Foreign{"directory", "not a plain file", [&] { std::filesystem::create_directory(file); }},
        Foreign{"fifo", "not a plain file", [&] { BOOST_TEST(::mkfifo(file.c_str(), 0600) == 0); }},
        Foreign{"another owner", "belongs to user 65534",
                [&] {
                    (void)attached();
                    BOOST_TEST_REQUIRE(::chown(file.c_str(), 65534, 65534) == 0, "needs root");
                }},
    };
    for (const auto& foreigner : foreigners) {
        foreigner.make();
        check_denied(foreigner.label, foreigner.words);
        BOOST_TEST(std::filesystem::exists(std::filesystem::symlink_status(file)), foreigner.label);
        std::filesystem::remove(file);
    }
    std::filesystem::create_symlink(elsewhere, draft);
    check_denied("symlink for the draft", "not a plain file");
    BOOST_TEST(testing::slurp(elsewhere) == "precious");
}

BOOST_AUTO_TEST_CASE(a_directory_that_others_may_write_to_is_refused) {
    BOOST_TEST_REQUIRE(::chmod(directory.path().c_str(), 01777) == 0);
    check_denied("world", "chmod go-w");
    BOOST_TEST_REQUIRE(::chmod(directory.path().c_str(), 0775) == 0);
    check_denied("group", "chmod go-w");
    BOOST_TEST_REQUIRE(::chmod(directory.path().c_str(), 0750) == 0);
    BOOST_TEST_REQUIRE(::chown(directory.path().c_str(), 65534, 65534) == 0, "needs root");
    check_denied("another owner", "belongs to user 65534");
}

BOOST_AUTO_TEST_CASE(names_a_directory_that_is_none) {
    const auto missing = Segment::attach(directory / "missing");
    BOOST_TEST((missing.error().kind == ErrorKind::not_found));
    BOOST_TEST(missing.error().message.contains("RuntimeDirectory"));
    BOOST_TEST((Segment::attach(directory.write("file", "")).error().kind == ErrorKind::denied));
    std::filesystem::create_directory_symlink(directory.path(), directory / "link");
    BOOST_TEST((Segment::attach(directory / "link").error().kind == ErrorKind::denied));
}

// In the child's own mount namespace, which ends with it.
BOOST_AUTO_TEST_CASE(a_full_file_system_is_an_error_and_no_signal) {
    const auto on_small_tmpfs = [this](const std::function<int()>& body) {
        return ForkedChild([&] {
                   const bool mounted =
                       testing::enter_mount_namespace() &&
                       ::mount("none", directory.path().c_str(), "tmpfs", 0, "size=256k,mode=0755") == 0;
                   return mounted ? body() : 77;
               })
            .wait();
    };
    BOOST_TEST(on_small_tmpfs([this] {
                   const auto segment = Segment::attach(directory.path());
                   if (segment || segment.error().kind != ErrorKind::exhausted) return 1;
                   return std::filesystem::exists(file) || std::filesystem::exists(draft) ? 2 : 0;
               }) == 0);
    // A right header before a hole: what ftruncate alone would have made.
    (void)attached();
    const auto header = testing::slurp(file).substr(0, sizeof(SegmentHeader));
    BOOST_TEST(on_small_tmpfs([&, this] {
                   directory.write("segment", header, std::filesystem::perms{0600});
                   if (::truncate(file.c_str(), sizeof(SegmentLayout)) != 0) return 1;
                   const auto segment = Segment::attach(directory.path());
                   return !segment && segment.error().kind == ErrorKind::exhausted ? 0 : 2;
               }) == 0);
}

BOOST_AUTO_TEST_CASE(what_a_death_left_half_made_is_no_hindrance) {
    directory.write("segment.new", std::string(3'000'000, 'x'), std::filesystem::perms{0644});
    auto segment = attached();
    BOOST_TEST((segment.origin() == SegmentOrigin::made));
    BOOST_TEST(std::filesystem::file_size(file) == sizeof(SegmentLayout));
    BOOST_TEST(!std::filesystem::exists(draft));
    BOOST_TEST(spend(segment));
}

BOOST_AUTO_TEST_CASE(a_stopped_process_with_the_lock_costs_two_seconds_and_is_named) {
    (void)attached();
    ForkedChild holder([this] {
        const util::Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
        ::flock(fd.get(), LOCK_EX);
        ::raise(SIGSTOP);
        return 0;
    });
    holder.wait_until_stopped();
    const auto refused = Segment::attach(directory.path());
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == ErrorKind::timed_out));
    holder.signal(SIGCONT);
    BOOST_TEST(holder.wait() == 0);
    BOOST_TEST((attached().origin() == SegmentOrigin::found));
}

BOOST_AUTO_TEST_CASE(counts_answers_by_code) {
    auto segment = attached();
    for (const int code : k_status_codes) segment.count_answer(code);
    for (const int code : {0, 201, 418, -1}) segment.count_answer(code);
    for (std::size_t i = 0; i < k_status_codes.size(); ++i)
        BOOST_TEST(segment.layout().answers[i] == (k_status_codes[i] == 500 ? 5U : 1U), k_status_codes[i]);
}

BOOST_AUTO_TEST_CASE(opening_what_exists_never_makes_it) {
    BOOST_TEST((Segment::open_existing(directory.path()).error().kind == ErrorKind::not_found));
    BOOST_TEST(std::filesystem::is_empty(directory.path()));

    (void)attached();
    overwrite(0, 1);
    const auto damaged = testing::slurp(file);
    BOOST_TEST((Segment::open_existing(directory.path()).error().kind == ErrorKind::not_found));
    BOOST_TEST((testing::slurp(file) == damaged));
}

BOOST_AUTO_TEST_CASE(opening_what_exists_reaches_the_running_responder) {
    auto responder = attached();
    VerifiedToken verified(responder.layout().verified);
    verified.remember(util::sha256("token"), verified.begin_question());
    {
        auto tool = Segment::open_existing(directory.path());
        BOOST_TEST_REQUIRE(tool.has_value());
        VerifiedToken(tool->layout().verified).clear();
    }
    BOOST_TEST(!verified.within_grace(util::sha256("token"), 300s));

    overwrite(0, 1);
    BOOST_TEST((Segment::open_existing(directory.path()).error().kind == ErrorKind::conflict));
}

BOOST_AUTO_TEST_CASE(root_opens_what_belongs_to_the_owner_of_the_directory) {
    (void)attached();
    BOOST_TEST_REQUIRE(::chown(directory.path().c_str(), 65534, 65534) == 0, "needs root");
    BOOST_TEST((Segment::open_existing(directory.path()).error().kind == ErrorKind::denied));
    BOOST_TEST_REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
    BOOST_TEST(Segment::open_existing(directory.path()).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
