// SPDX-License-Identifier: MIT
// The file of `ceymail-token generate --output`: the attributes that it keeps, and the state after signals, lost
// connections and a kill between COMMIT and the rename.
#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "support/database_proxy.hpp"
#include "support/mariadb_server.hpp"

using namespace ceymail;
using namespace ceymail::testing;
using namespace std::chrono_literals;

namespace {

namespace fs = std::filesystem;

constexpr const char* k_acl = "system.posix_acl_access";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

struct stat status_of(const fs::path& file) {
    struct stat status{};
    BOOST_TEST_REQUIRE(::lstat(file.c_str(), &status) == 0, file);
    return status;
}

// A MariaDB that is set up, behind a proxy, and a token in a file.
struct Fixture : MariadbServer {
    Fixture() {
        fs::create_directory(directory() / "run");
        fs::create_directory(directory() / "out");
        configure(socket());
        BOOST_TEST_REQUIRE(run(command({"init"})).status == 0);
        BOOST_TEST_REQUIRE(generate().status == 0);
        old = slurp(file());
        BOOST_TEST_REQUIRE(old.size() == 60U);
    }
    fs::path file() const { return directory() / "out/token"; }
    fs::path beside() const { return directory() / "out/token.new"; }

    void configure(const fs::path& through) const {
        std::ofstream(directory() / "tool.conf")
            << "database_socket = " << through.string() << "\nruntime_directory = " << (directory() / "run").string()
            << "\nstate_directory = " << (directory() / "state").string() << "\n";
    }
    ChildOptions command(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), built_program("ceymail-token"));
        arguments.insert(arguments.end(), {"--config", directory() / "tool.conf"});
        return {.arguments = std::move(arguments), .environment = {"SUDO_USER="}};
    }
    ChildOptions generating() const { return command({"generate", "--output", file(), "--force"}); }
    Finished generate() const { return run(generating()); }

    bool is_active(const std::string& text) const {
        return query(
                   "SELECT COUNT(*) FROM ceymail_dashboard.metrics_tokens WHERE active = 1 AND token_sha256 = "
                   "UNHEX(SHA2('" +
                   text.substr(0, text.find('\n')) + "', 256))") == "1\n";
    }
    std::string old;
};

struct Proxied : Fixture {
    Proxied() : proxy(directory() / "proxy.sock", socket()) { configure(directory() / "proxy.sock"); }

    // A `generate` that waits for an answer which does not come: behind so many packets of the server's.
    // Nothing where it needs no more than that.
    std::optional<ChildProcess> waiting_behind(std::size_t packets, DatabaseFault fault = DatabaseFault::silence) {
        proxy.inject(DatabaseFault::none);
        proxy.inject(fault, packets);
        const auto before = proxy.faults();
        std::optional<ChildProcess> child(generating());
        for (const auto end = util::BootClock::now() + 10s; proxy.faults() == before;) {
            if (!child->running()) return std::nullopt;
            BOOST_TEST_REQUIRE((util::BootClock::now() < end));
            std::this_thread::sleep_for(1ms);
        }
        return child;
    }
    // How many packets come before the answer to COMMIT. Behind that answer the file is in place, and the command only
    // asks whether this is a cluster.
    std::size_t before_commit() {
        std::size_t packets = 0;
        while (auto child = waiting_behind(packets)) {
            child->signal(SIGKILL);
            (void)child->wait(5s);
            if (slurp(file()) != old) break;
            fs::remove(beside());
            ++packets;
        }
        proxy.inject(DatabaseFault::none);
        BOOST_TEST_REQUIRE(packets > 10U);
        BOOST_TEST_REQUIRE(generate().status == 0);
        old = slurp(file());
        return packets - 1;
    }

    DatabaseProxy proxy;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(token_file)

BOOST_FIXTURE_TEST_CASE(a_replaced_file_keeps_its_owner_group_and_mode, Fixture) {
    for (const mode_t mode : {0400U, 0640U, 0600U, 0440U}) {
        BOOST_TEST_REQUIRE(::chown(file().c_str(), 65534, 33) == 0);
        BOOST_TEST_REQUIRE(::chmod(file().c_str(), mode) == 0);
        const auto before = slurp(file());
        const auto done = generate();
        BOOST_TEST_REQUIRE(done.status == 0, done.errors);
        BOOST_TEST(!contains(done.errors, "warning"), done.errors);
        BOOST_TEST(slurp(file()) != before);
        BOOST_TEST(is_active(slurp(file())));
        const auto now = status_of(file());
        BOOST_TEST(now.st_uid == 65534U);
        BOOST_TEST(now.st_gid == 33U);
        BOOST_TEST((now.st_mode & 07777U) == mode);
        BOOST_TEST(!fs::exists(beside()));
    }
}

BOOST_FIXTURE_TEST_CASE(a_replaced_file_keeps_its_access_list, Fixture) {
    // Version 2: owner rw, user 65534 r, group -, mask r, others -.
    const std::array<unsigned char, 44> acl{
        2,    0,    0,    0,    1,    0, 6, 0, 0xff, 0xff, 0xff, 0xff, 2,    0, 4, 0, 0xfe, 0xff, 0,    0,   4, 0, 0, 0,
        0xff, 0xff, 0xff, 0xff, 0x10, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, 0x20, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    if (::setxattr(file().c_str(), k_acl, acl.data(), acl.size(), 0) != 0) {
        BOOST_TEST_MESSAGE("no access lists on this file system");
        return;
    }
    BOOST_TEST_REQUIRE(generate().status == 0);
    BOOST_TEST(slurp(file()) != old);
    std::array<unsigned char, 44> now{};
    BOOST_TEST(::getxattr(file().c_str(), k_acl, now.data(), now.size()) == 44);
    BOOST_TEST(now == acl, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(a_file_that_others_can_read_stays_so_with_a_warning_whose_remedy_works, Fixture) {
    BOOST_TEST_REQUIRE(::chmod(file().c_str(), 0644) == 0);
    const auto done = generate();
    BOOST_TEST_REQUIRE(done.status == 0, done.errors);
    BOOST_TEST((status_of(file()).st_mode & 07777U) == 0644U);
    const auto remedy = "chmod o= " + file().string();
    BOOST_TEST_REQUIRE(contains(done.errors, "is open to others, as it was before; run: " + remedy), done.errors);
    BOOST_TEST(run({.arguments = {"sh", "-c", remedy}}).status == 0);
    BOOST_TEST(!contains(generate().errors, "warning"));
}

BOOST_FIXTURE_TEST_CASE(nothing_but_a_regular_file_is_replaced, Fixture) {
    const auto link = directory() / "out/link";
    const auto fifo = directory() / "out/fifo";
    fs::create_symlink(file(), link);
    const auto device = directory() / "out/null";  // of its own: where this fails, a file takes its place
    BOOST_TEST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    BOOST_TEST_REQUIRE(::mknod(device.c_str(), S_IFCHR | 0666, ::makedev(1, 3)) == 0);
    const std::pair<fs::path, const char*> cases[] = {{link, "it is a symbolic link; name the file that it leads to"},
                                                      {fifo, "it is no regular file"},
                                                      {device, "it is no regular file"},
                                                      {directory() / "out", "it is a directory"}};
    for (const auto& [path, words] : cases) {
        const auto refused = run(command({"generate", "--output", path, "--force"}));
        BOOST_TEST(refused.status == 73, path);
        BOOST_TEST(contains(refused.errors, words), refused.errors);
    }
    BOOST_TEST(fs::is_symlink(link));
    BOOST_TEST(fs::is_character_file(device));
    BOOST_TEST(is_active(old));
}

BOOST_FIXTURE_TEST_CASE(file_and_directory_are_on_the_disk_before_it_says_so, Fixture) {
    auto traced = generating();
    const auto trace = directory() / "trace";
    traced.arguments.insert(traced.arguments.begin(), {"strace", "-y", "-o", trace, "-e", "trace=fsync,rename"});
    BOOST_TEST_REQUIRE(run(traced).status == 0);
    const auto text = slurp(trace);
    const auto file_synced = text.find("/out/token.new>)");
    const auto renamed = text.find("rename(\"" + beside().string());
    const auto directory_synced = text.find("/out>)");
    BOOST_TEST((file_synced < renamed && renamed < directory_synced && directory_synced != text.npos), text);
}

BOOST_FIXTURE_TEST_CASE(a_second_command_for_the_same_file_is_refused, Proxied) {
    auto first = waiting_behind(5);
    BOOST_TEST_REQUIRE(first.has_value());
    configure(socket());
    const auto second = generate();
    BOOST_TEST(second.status == 73);
    BOOST_TEST(contains(second.errors, "another ceymail-token is at work, or one was killed"), second.errors);
    first->signal(SIGKILL);
    BOOST_TEST(first->wait(5s).value_or(0) == -SIGKILL);
    BOOST_TEST(generate().status == 73);
    fs::remove(beside());  // as it says
    BOOST_TEST(generate().status == 0);
    BOOST_TEST(is_active(slurp(file())));
}

BOOST_FIXTURE_TEST_CASE(a_signal_before_commit_leaves_the_old_file_and_the_old_token, Proxied) {
    const auto commit = before_commit();
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT})
        for (std::size_t packets = number == SIGINT ? 0 : commit - 1; packets < commit; ++packets) {
            auto child = waiting_behind(packets);
            BOOST_TEST_REQUIRE(child.has_value());
            BOOST_TEST(fs::exists(beside()));
            child->signal(number);
            BOOST_TEST_CONTEXT("signal " << number << " behind packet " << packets) {
                BOOST_TEST(child->wait(5s).value_or(0) == -number);
                BOOST_TEST(!fs::exists(beside()));
                BOOST_TEST(slurp(file()) == old);
                BOOST_TEST(is_active(old));
            }
        }
    // A new name: neither the file nor a part of it is there.
    fs::rename(file(), directory() / "out/elsewhere");
    auto child = waiting_behind(commit - 1);
    BOOST_TEST_REQUIRE(child.has_value());
    BOOST_TEST(!fs::exists(file()));
    child->signal(SIGINT);
    BOOST_TEST(child->wait(5s).value_or(0) == -SIGINT);
    BOOST_TEST(!fs::exists(file()));
    BOOST_TEST(!fs::exists(beside()));
}

BOOST_FIXTURE_TEST_CASE(a_signal_during_commit_waits_until_the_file_is_in_place, Proxied) {
    auto child = waiting_behind(before_commit(), DatabaseFault::drip);  // the answer takes some seconds
    BOOST_TEST_REQUIRE(child.has_value());
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) child->signal(number);
    BOOST_TEST(slurp(file()) == old);
    BOOST_TEST(child->wait(15s).value_or(-1) == 0, child->errors());
    BOOST_TEST(slurp(file()) != old);
    BOOST_TEST(is_active(slurp(file())));
    BOOST_TEST(!fs::exists(beside()));
}

BOOST_FIXTURE_TEST_CASE(where_commits_answer_is_lost_both_tokens_are_kept_and_the_remedy_works, Proxied) {
    const auto commit = before_commit();
    for (const auto fault : {DatabaseFault::hang_up, DatabaseFault::error}) {
        const auto before = slurp(file());
        proxy.inject(fault, commit);
        const auto failed = generate();
        proxy.inject(DatabaseFault::none);
        BOOST_TEST(failed.status != 0);
        const auto remedy = "mv " + beside().string() + " " + file().string();
        BOOST_TEST_REQUIRE(contains(failed.errors, "run: " + remedy), failed.errors);
        BOOST_TEST(contains(failed.errors, "run: rm " + beside().string()), failed.errors);
        BOOST_TEST(slurp(file()) == before);
        BOOST_TEST(is_active(slurp(beside())));  // MariaDB had been asked
        BOOST_TEST(run({.arguments = {"sh", "-c", remedy}}).status == 0);
        BOOST_TEST(is_active(slurp(file())));
        BOOST_TEST(generate().status == 0);
    }
}

BOOST_FIXTURE_TEST_CASE(killed_during_commit_it_leaves_the_old_file_and_the_active_token_beside_it, Proxied) {
    auto child = waiting_behind(before_commit());
    BOOST_TEST_REQUIRE(child.has_value());
    child->signal(SIGKILL);
    BOOST_TEST(child->wait(5s).value_or(0) == -SIGKILL);
    BOOST_TEST(slurp(file()) == old);
    BOOST_TEST(is_active(slurp(beside())));
}

BOOST_FIXTURE_TEST_CASE(a_file_that_cannot_be_moved_into_place_is_named, Proxied) {
    auto child = waiting_behind(before_commit(), DatabaseFault::drip);
    BOOST_TEST_REQUIRE(child.has_value());
    fs::remove(file());
    fs::create_directories(file());
    BOOST_TEST(child->wait(15s).value_or(-1) == 73);
    BOOST_TEST(contains(child->errors(), "what was written is in " + beside().string()), child->errors());
    BOOST_TEST(is_active(slurp(beside())));
}

BOOST_AUTO_TEST_SUITE_END()
