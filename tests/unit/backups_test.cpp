// SPDX-License-Identifier: MIT
// The newest archive in a directory that belongs to somebody else.
#include "ceymail/collect/backups.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <functional>

#include <boost/test/unit_test.hpp>

#include "ceymail/util/fd.hpp"
#include "support/temporary_directory.hpp"

namespace {

namespace fs = std::filesystem;
using namespace ceymail;
using namespace ceymail::collect;
using namespace std::chrono_literals;
using ceymail::testing::TemporaryDirectory;

constexpr auto k_now = std::chrono::seconds(1'800'000'000);
const std::string k_name = "ceymail-backup-20270115-080000-config-db-dkim-mail.tar.gz";

FileTime now() noexcept { return k_now; }

std::chrono::seconds turned{};
util::BootTime turned_clock() noexcept { return util::BootTime(1h + turned); }

void write(const TemporaryDirectory& directory, const std::string& name, std::size_t bytes, std::chrono::seconds age) {
    const auto file = directory.write(name, std::string(bytes, 'x'));
    const timespec times[2] = {{0, UTIME_OMIT}, {(k_now - age).count(), 0}};
    BOOST_TEST_REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, AT_SYMLINK_NOFOLLOW) == 0);
}

// "BYTES of AGE s", "none" or the error.
std::string newest(const fs::path& directory) {
    const auto found = newest_backup(directory, k_now, util::BootClock::now() + 10s);
    if (!found) return found.error().message;
    if (!*found) return "none";
    return std::to_string((*found)->bytes) + " of " +
           std::to_string(std::chrono::floor<std::chrono::seconds>(k_now - (*found)->modified).count()) + " s";
}

BOOST_AUTO_TEST_SUITE(backups)

BOOST_AUTO_TEST_CASE(know_an_archive_by_its_name) {
    for (const std::string& name : {k_name, std::string("a.tar"), std::string("all.sql.zst.gpg"), std::string("a.tgz"),
                                    std::string("db.dump"), std::string("x.y.zip")})
        BOOST_TEST(is_archive_name(name), name);
    for (const std::string name : {".tmp-dbdump-20270115.sql", "a.tar.gz.sha256", "a.tar.gz.part", "backup.log", "tar",
                                   ".tar", "a.gz", "", "gz", "a.", "a.tar.gz.tmp", ".tar.gz", "tar.gz"})
        BOOST_TEST(!is_archive_name(name), name);
}

BOOST_AUTO_TEST_CASE(are_those_that_have_rested) {
    const TemporaryDirectory directory;
    BOOST_TEST(newest(directory.path()) == "none");
    write(directory, k_name, 700, 26h);
    BOOST_TEST(newest(directory.path()) == "700 of 93600 s");
    write(directory, "ceymail-backup-20270116-080000-config.tar.gz", 30, 119s);  // being written
    BOOST_TEST(newest(directory.path()) == "700 of 93600 s");
    write(directory, "ceymail-backup-20270116-080000-config.tar.gz", 40, 120s);
    BOOST_TEST(newest(directory.path()) == "40 of 120 s");
}

BOOST_AUTO_TEST_CASE(are_regular_files_with_content_of_the_past) {
    const TemporaryDirectory directory;
    write(directory, "good.tar.gz", 5, 10h);
    write(directory, "empty.tar.gz", 0, 1h);
    write(directory, "future.tar.gz", 9, -1h);
    write(directory, "year-3122.tar.gz", 9, -24h * 365 * 1100);
    write(directory, ".tmp-dbdump-1.sql", 9, 1h);
    write(directory, "notes.txt", 9, 1h);
    fs::create_directory(directory / "directory.tar.gz");
    fs::create_symlink("/etc/passwd", directory / "link.tar.gz");
    fs::create_symlink("nowhere", directory / "dead.tar.gz");
    BOOST_TEST_REQUIRE(::mkfifo((directory / "fifo.tar.gz").c_str(), 0644) == 0);
    BOOST_TEST(newest(directory.path()) == "5 of 36000 s");
}

// Before, the time of the year 3122 became one of the past: nanoseconds end in 2262.
BOOST_AUTO_TEST_CASE(of_a_far_future_are_none) {
    const TemporaryDirectory directory;
    write(directory, "year-3122.tar.gz", 9, -24h * 365 * 1100);
    BOOST_TEST(newest(directory.path()) == "none");
}

BOOST_AUTO_TEST_CASE(fail_with_the_directory_the_cause_and_the_remedy) {
    const std::string remedy = "; name the directory of the backups by backup_directory, or leave it empty";
    const TemporaryDirectory directory;
    const auto file = directory.write("file", "");
    BOOST_TEST(newest(file) == "cannot read the directory of backups " + file.string() + ": Not a directory" + remedy);
    const auto fifo = directory / "fifo";
    BOOST_TEST_REQUIRE(::mkfifo(fifo.c_str(), 0644) == 0);
    BOOST_TEST(newest(fifo) == "cannot read the directory of backups " + fifo.string() + ": Not a directory" + remedy);
    BOOST_TEST(!BackupsCollector(fifo, turned_clock, now).collect(util::BootTime::max()).has_value());
    const auto full = directory / "full";
    fs::create_directory(full);
    for (int i = 0; i < 20'001; ++i) {
        const util::Fd made(::open((full / std::to_string(i)).c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        BOOST_TEST_REQUIRE(bool(made));
    }
    BOOST_TEST(newest(full) ==
               "cannot read the directory of backups " + full.string() + ": it has more than 20000 names" + remedy);
    fs::remove(full / "0");
    BOOST_TEST(newest(full) == "none");
}

BOOST_AUTO_TEST_CASE(are_absent_where_there_never_was_one) {
    const TemporaryDirectory directory;
    for (const auto& path : {directory / "missing", directory.path(), fs::path()}) {
        BackupsCollector collector(path, turned_clock, now);
        const auto families = collector.collect(util::BootTime::max());
        BOOST_TEST_REQUIRE(families.has_value());
        BOOST_TEST(families->empty());
        const auto findings = collector.findings();
        if (path != directory.path()) {
            BOOST_TEST(findings.empty());
            continue;
        }
        BOOST_TEST_REQUIRE(findings.size() == 1U);
        BOOST_TEST((findings[0].level == Finding::Level::warning));
        BOOST_TEST(findings[0].words.starts_with("there is no finished archive in " + path.string() + "; "),
                   findings[0].words);
    }
}

BOOST_AUTO_TEST_CASE(are_looked_at_once_a_minute) {
    const TemporaryDirectory directory;
    turned = 0s;
    BackupsCollector collector(directory.path(), turned_clock, now);
    const auto bytes = [&]() -> std::uint64_t {
        const auto families = collector.collect(util::BootTime::max());
        BOOST_TEST_REQUIRE(families.has_value());
        if (families->empty()) return 0;
        BOOST_TEST((*families)[0].name == "ceymail_backup_last_timestamp_seconds");
        BOOST_TEST(std::get<std::uint64_t>((*families)[0].samples.at(0).value) == 1'800'000'000U - 3600U);
        BOOST_TEST((*families)[1].name == "ceymail_backup_last_bytes");
        return std::get<std::uint64_t>((*families)[1].samples.at(0).value);
    };
    write(directory, "a.tar", 100, 1h);
    BOOST_TEST(bytes() == 100U);
    BOOST_TEST((collector.findings().at(0).level == Finding::Level::ok));
    fs::remove(directory / "a.tar");
    turned = 59s;
    BOOST_TEST(bytes() == 100U);
    turned = 60s;
    BOOST_TEST(bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(that_are_old_are_told_by_check) {
    const TemporaryDirectory directory;
    write(directory, k_name, 100, 26h);
    turned = 0s;
    BackupsCollector collector(directory.path(), turned_clock, now);
    BOOST_TEST_REQUIRE(collector.collect(util::BootTime::max()).has_value());
    const auto findings = collector.findings();
    BOOST_TEST_REQUIRE(findings.size() == 1U);
    BOOST_TEST((findings[0].level == Finding::Level::warning));
    BOOST_TEST(findings[0].words.starts_with("the newest archive in " + directory.path().string() +
                                             " is of 2027-01-14T06:00:00Z, 100 bytes: older than 26 hours; "),
               findings[0].words);
}

BOOST_AUTO_TEST_CASE(give_up_at_the_deadline_and_only_for_an_archive) {
    const TemporaryDirectory directory;
    const auto past = util::BootClock::now() - 1s;
    write(directory, "notes.txt", 1, 26h);
    BOOST_TEST(newest_backup(directory.path(), k_now, past).has_value(), "other files cost nothing");
    write(directory, k_name, 1, 26h);
    const auto found = newest_backup(directory.path(), k_now, past);
    BOOST_TEST_REQUIRE(!found.has_value());
    BOOST_TEST((found.error().kind == util::ErrorKind::timed_out));
    BOOST_TEST(found.error().message.starts_with("cannot read the directory of backups " + directory.path().string() +
                                                 ": it takes too long; name the directory"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
