// SPDX-License-Identifier: MIT
// What ceymail-attach reads and writes: the site's file, what it remembers, and the state for the collector.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/attachment/record.hpp"
#include "ceymail/attachment/site_file.hpp"
#include "ceymail/collect/attachment.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/unix_socket.hpp"
#include "support/captured_log.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::attachment {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::slurp;
using testing::TemporaryDirectory;

struct Site {
    TemporaryDirectory directory;
    fs::path path = directory.write("site", "before\n");

    [[nodiscard]] SiteFile opened() const {
        auto file = SiteFile::open(path);
        if (!file) throw std::runtime_error(file.error().message);
        return std::move(*file);
    }
    // Nothing but the site may be left.
    [[nodiscard]] bool is_alone() const {
        return std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()) == 1;
    }
    [[nodiscard]] std::string refusal(const fs::path& name) const {
        const auto file = SiteFile::open(name);
        return file ? "none" : std::to_string(file.error().exit_code) + " " + file.error().message;
    }
};

BOOST_AUTO_TEST_SUITE(site_file_replaced)

BOOST_FIXTURE_TEST_CASE(has_the_new_text_and_the_owner_the_mode_and_the_attributes_of_before, Site) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    BOOST_TEST_REQUIRE(::chown(path.c_str(), 65534, 12) == 0);
    BOOST_TEST_REQUIRE(::chmod(path.c_str(), 04641) == 0);
    const bool has_attributes = ::setxattr(path.c_str(), "user.note", "kept", 4, 0) == 0;
    const auto link = directory.path().parent_path() / (directory.path().filename().string() + ".link");
    fs::create_symlink(path, link);
    const auto file = SiteFile::open(link);
    BOOST_TEST_REQUIRE(file.has_value());
    BOOST_TEST(file->path() == fs::canonical(path));
    BOOST_TEST(file->text() == "before\n");
    BOOST_TEST(file->replace("after\n").has_value());
    BOOST_TEST(slurp(path) == "after\n");
    BOOST_TEST(fs::is_symlink(link));
    fs::remove(link);
    struct stat status{};
    BOOST_TEST_REQUIRE(::stat(path.c_str(), &status) == 0);
    BOOST_TEST(status.st_uid == 65534U);
    BOOST_TEST(status.st_gid == 12U);
    BOOST_TEST((status.st_mode & 07777) == 04641U);
    char note[8] = {};
    if (has_attributes) BOOST_TEST(::getxattr(path.c_str(), "user.note", note, sizeof note) == 4);
    BOOST_TEST(is_alone());
    BOOST_TEST(!file->was_written_since(), "the file that was opened is as it was");
}

// What a killed process left has the name that is needed.
BOOST_FIXTURE_TEST_CASE(takes_over_the_name_that_a_killed_process_left, Site) {
    directory.write(".site.ceymail-attach", "half");
    BOOST_TEST(opened().replace("after\n").has_value());
    BOOST_TEST(slurp(path) == "after\n");
    BOOST_TEST(is_alone());
}

BOOST_FIXTURE_TEST_CASE(is_left_to_the_program_that_changed_it_meanwhile, Site) {
    const auto refused = [&](const SiteFile& file) {
        const auto done = file.replace("after\n");
        return !done && done.error().exit_code == EX_TEMPFAIL;
    };
    const auto written = opened();
    std::ofstream(path, std::ios::app) << "more\n";
    BOOST_TEST(written.was_written_since());
    BOOST_TEST(refused(written));
    BOOST_TEST(slurp(path) == "before\nmore\n");

    const auto touched = opened();
    fs::last_write_time(path, fs::last_write_time(path) + 1ns);
    BOOST_TEST(refused(touched), "the same size");

    const auto renamed = opened();
    fs::rename(directory.write("other", "before\nmore\n"), path);
    BOOST_TEST(!renamed.was_written_since());
    BOOST_TEST(refused(renamed));
    BOOST_TEST(slurp(path) == "before\nmore\n");
    BOOST_TEST(is_alone());

    const auto removed = opened();
    fs::remove(path);
    BOOST_TEST(refused(removed));
    BOOST_TEST(fs::is_empty(directory.path()));
}

BOOST_FIXTURE_TEST_CASE(is_a_regular_file_of_its_own_of_4_mib_at_most, Site) {
    const auto at = [&](const char* name) { return directory / name; };
    fs::create_directory(at("directory"));
    BOOST_TEST_REQUIRE(::mkfifo(at("fifo").c_str(), 0600) == 0);
    const util::Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_TEST_REQUIRE(util::bind_unix(listener.get(), util::unix_address(at("socket")).value()) == 0);
    fs::create_symlink(at("b"), at("a"));
    fs::create_symlink(at("a"), at("b"));
    fs::create_symlink(at("nothing"), at("dangling"));
    fs::create_hard_link(directory.write("first", "x"), at("second"));
    std::pair<fs::path, const char*> const cases[] = {
        {at("directory"), "it is a directory"},
        {at("fifo"), "it is a FIFO"},
        {at("socket"), "it is a socket"},
        {"/dev/null", "it is a device"},
        {at("a"), "its symbolic links lead in a circle"},
        {at("dangling"), "it is a symbolic link to a file that does not exist"},
        {at("first"), "it has another hard link"},
        {at("missing"), "No such file or directory; name the site's file with --site"},
    };
    for (const auto& [file, words] : cases) {
        BOOST_TEST(refusal(file).starts_with(std::to_string(EX_NOINPUT) + " "), refusal(file));
        BOOST_TEST(refusal(file).find(words) != std::string::npos, refusal(file));
    }
    const auto longest = directory.write("longest", std::string(4 << 20, '#'));
    BOOST_TEST(refusal(longest) == "none");
    std::ofstream(longest, std::ios::app) << "#";
    BOOST_TEST(refusal(longest).ends_with("it is longer than 4 MiB"), refusal(longest));
}

BOOST_FIXTURE_TEST_CASE(comes_back_itself_under_its_second_name, Site) {
    struct stat before{};
    struct stat after{};
    BOOST_TEST_REQUIRE(::stat(path.c_str(), &before) == 0);
    directory.write(aside_name(path).filename(), "of a killed process");
    const auto file = opened();
    BOOST_TEST(set_aside(path).has_value());
    BOOST_TEST(file.replace("after\n").has_value());
    BOOST_TEST(slurp(aside_name(path)) == "before\n");
    BOOST_TEST(put_aside_back(path).has_value());
    BOOST_TEST_REQUIRE(::stat(path.c_str(), &after) == 0);
    BOOST_TEST(after.st_ino == before.st_ino);
    BOOST_TEST(is_alone());
    BOOST_TEST(set_aside(path).has_value());
    forget_aside(path);
    BOOST_TEST(is_alone());
    BOOST_TEST(put_aside_back(path).error().exit_code == EX_CANTCREAT);
    BOOST_TEST(set_aside(directory / "missing").error().exit_code == EX_CANTCREAT);
}

BOOST_FIXTURE_TEST_CASE(was_changed_at_its_last_write_or_rename, Site) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - 24h);
    const auto age = std::chrono::system_clock::now() - opened().changed_at();
    BOOST_TEST((age >= 0s && age < 10s), "the time that a program cannot set");
}

BOOST_AUTO_TEST_SUITE_END()

struct Remembering {
    TemporaryDirectory directory;
    Host host = [this] {
        Host made;
        made.state_directory = directory / "state";
        made.published = directory / "run/state";
        return made;
    }();
};

BOOST_AUTO_TEST_SUITE(attachment_record)

BOOST_FIXTURE_TEST_CASE(comes_back_as_it_was_saved, Remembering) {
    BOOST_TEST(!load_record(host).value());
    const Record full{.wish = {.site = "/etc/nginx/sites-available/a b",
                               .domain = "dash.example.org",
                               .server = site::WebServer::apache,
                               .settings = true,
                               .plain_http = false},
                      .file = "/etc/nginx/sites-available/a b",
                      .modules = "env setenvif",
                      .last_edit = 1'700'000'000,
                      .failed_text = digest_of("text"),
                      .failed_at = -1};
    for (auto record : {full, Record{}}) {
        for (const auto server : {std::optional<site::WebServer>(), std::optional(site::WebServer::nginx),
                                  std::optional(site::WebServer::apache)}) {
            record.wish.server = server;
            std::swap(record.wish.settings, record.wish.plain_http);
            BOOST_TEST_REQUIRE(save_record(host, record).has_value());
            BOOST_TEST((load_record(host).value() == record));
        }
    }
    forget_record(host);
    BOOST_TEST(!load_record(host).value());
}

// Of a later version, or damaged: a key stands for itself alone, and what is missing is empty.
BOOST_FIXTURE_TEST_CASE(of_another_version_has_what_is_known, Remembering) {
    fs::create_directories(host.state_directory);
    directory.write("state/record", "settings_more=yes\nsite\nfile=/a=b\nlast_edit=12x\nfailed_at=x\nfile=/second");
    const auto record = load_record(host);
    BOOST_TEST_REQUIRE((record.has_value() && record->has_value()));
    BOOST_TEST(((*record)->wish == Wish{}));
    BOOST_TEST((*record)->file == "/a=b");
    BOOST_TEST((*record)->last_edit == 12);
    BOOST_TEST((*record)->failed_at == 0);
    fs::remove(host.state_directory / "record");
    fs::create_directory(host.state_directory / "record");
    BOOST_TEST(load_record(host).error().exit_code == EX_IOERR);
}

BOOST_AUTO_TEST_CASE(completes_what_is_asked_for_now) {
    const auto nginx = site::WebServer::nginx;
    Record before;
    before.wish = {"/a", "a", nginx, true, false};
    const Wish plain{{}, {}, {}, false, true};
    BOOST_TEST((completed(plain, std::nullopt) == plain));
    BOOST_TEST((completed(plain, before) == Wish{"/a", "a", nginx, true, true}));
    for (const auto& another : {Wish{"/b", {}, {}, false, false}, Wish{{}, "b", {}, false, false},
                                Wish{{}, {}, site::WebServer::apache, false, false}}) {
        auto wanted = another;
        wanted.settings = true;
        BOOST_TEST((completed(another, before) == wanted));
    }
    before.wish = plain;
    BOOST_TEST(completed({}, before).plain_http);
}

BOOST_FIXTURE_TEST_CASE(of_a_change_that_is_not_proven_comes_back_whole_or_not_at_all, Remembering) {
    BOOST_TEST(!load_undo(host).has_value());
    fs::create_directories(host.state_directory);
    for (const auto server : {site::WebServer::nginx, site::WebServer::apache}) {
        BOOST_TEST_REQUIRE(save_undo(host, {"/a", server, digest_of("edited")}).has_value());
        const auto undo = load_undo(host);
        BOOST_TEST_REQUIRE(undo.has_value());
        BOOST_TEST(undo->file == "/a");
        BOOST_TEST((undo->server == server));
        BOOST_TEST(undo->edited_digest == digest_of("edited"));
    }
    for (const auto text : {"file=/a\nweb_server=caddy\n", "file=/a\n", "web_server=nginx\n", ""}) {
        directory.write("state/undo", text);
        BOOST_TEST(!load_undo(host).has_value(), text);
    }
    forget_undo(host);
    BOOST_TEST(!fs::exists(host.state_directory / "undo"));
}

BOOST_FIXTURE_TEST_CASE(is_changed_by_one_process_at_a_time, Remembering) {
    {
        const auto first = lock_state(host, 0ms);
        BOOST_TEST_REQUIRE(first.has_value());
        const auto began = util::BootClock::now();
        const auto second = lock_state(host, 200ms);
        BOOST_TEST_REQUIRE(!second.has_value());
        BOOST_TEST(second.error().exit_code == EX_TEMPFAIL);
        BOOST_TEST((util::BootClock::now() - began >= 200ms));
    }
    BOOST_TEST(lock_state(host, 0ms).has_value());
    host.state_directory = directory.write("file", "") / "state";
    BOOST_TEST(lock_state(host, 0ms).error().exit_code == EX_CANTCREAT);
}

BOOST_FIXTURE_TEST_CASE(is_published_as_the_collector_reads_it, Remembering) {
    for (const bool attached : {true, false}) {
        publish(host, attached);
        const auto state = collect::parse_attachment(slurp(host.published));
        BOOST_TEST_REQUIRE(state.has_value());
        BOOST_TEST(state->attached == attached);
        const auto age = util::BootClock::now().time_since_epoch() - state->judged_at;
        BOOST_TEST((age >= 0s && age < 10s));
    }
    unpublish(host);
    BOOST_TEST(!fs::exists(host.published));
    host.published = directory.write("file", "") / "run/state";
    const testing::CapturedLog log;
    publish(host, true);
    BOOST_TEST(log.count("without the metric ceymail_attached: cannot make ") == 1U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::attachment
