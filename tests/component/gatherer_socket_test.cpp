// SPDX-License-Identifier: MIT
// The gatherer's socket and its directory, as the supervisor makes them.
#include "ceymail/supervisor/gatherer_socket.hpp"

#include <poll.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <optional>
#include <string>
#include <thread>

#include "ceymail/snapshot/collector_state.hpp"
#include "ceymail/snapshot/protocol.hpp"
#include "ceymail/snapshot/report_client.hpp"
#include "ceymail/system/runtime_directory.hpp"
#include "support/forked_child.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using snapshot::gatherer_socket_path;
using supervisor::make_gatherer_socket;
using supervisor::make_page_socket;
using system::prepare_report_directory;
using system::prepare_runtime_directory;
using util::ErrorKind;

config::Configuration in_directory(const std::filesystem::path& directory) {
    config::Configuration configuration;
    configuration.runtime_directory = directory;
    configuration.user = "nobody";
    return configuration;
}

struct stat status_of(const std::filesystem::path& path) {
    struct stat status{};
    BOOST_TEST_REQUIRE(::stat(path.c_str(), &status) == 0, path);
    return status;
}

BOOST_AUTO_TEST_SUITE(gatherer_socket)

BOOST_AUTO_TEST_CASE(is_for_the_own_user_only) {
    const testing::TemporaryDirectory directory;
    const auto configuration = in_directory(directory.path());
    const mode_t before = ::umask(0);
    const auto socket = make_gatherer_socket(configuration);
    BOOST_TEST(::umask(before) == 0U, "the umask is as it was");
    BOOST_TEST_REQUIRE(socket.has_value());
    BOOST_TEST((status_of(gatherer_socket_path(configuration)).st_mode & 07777) == 0600U);
}

BOOST_AUTO_TEST_CASE(replaces_one_that_a_hanging_process_of_an_earlier_instance_still_holds) {
    const testing::TemporaryDirectory directory;
    const auto configuration = in_directory(directory.path());
    const auto first = make_gatherer_socket(configuration);
    BOOST_TEST_REQUIRE(first.has_value());
    const auto before = status_of(gatherer_socket_path(configuration)).st_ino;
    BOOST_TEST(make_gatherer_socket(configuration).has_value());
    BOOST_TEST(status_of(gatherer_socket_path(configuration)).st_ino != before);
}

BOOST_AUTO_TEST_CASE(says_when_the_directory_is_too_deep_for_a_socket) {
    const auto made = make_gatherer_socket(in_directory("/tmp/" + std::string(120, 'd')));
    BOOST_TEST_REQUIRE(!made.has_value());
    BOOST_TEST((made.error().kind == ErrorKind::invalid));
}

BOOST_AUTO_TEST_CASE(says_when_there_is_no_directory) {
    const testing::TemporaryDirectory directory;
    const auto made = make_gatherer_socket(in_directory(directory / "none"));
    BOOST_TEST_REQUIRE(!made.has_value());
    BOOST_TEST((made.error().kind == ErrorKind::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(runtime_directory)

BOOST_AUTO_TEST_CASE(root_makes_it_for_the_user_and_others_may_enter) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const testing::TemporaryDirectory directory;
    const mode_t before = ::umask(077);
    const auto prepared = prepare_runtime_directory(in_directory(directory / "run"));
    ::umask(before);
    BOOST_TEST_REQUIRE(prepared.has_value());
    const auto made = status_of(directory / "run");
    BOOST_TEST((made.st_mode & 07777) == 0755U);
    BOOST_TEST(made.st_uid == ::getpwnam("nobody")->pw_uid);
}

BOOST_AUTO_TEST_CASE(an_existing_one_stays_as_it_is) {
    const testing::TemporaryDirectory directory;
    const auto before = status_of(directory.path());
    BOOST_TEST(prepare_runtime_directory(in_directory(directory.path())).has_value());
    BOOST_TEST(status_of(directory.path()).st_mode == before.st_mode);
    BOOST_TEST(status_of(directory.path()).st_uid == before.st_uid);
}

BOOST_AUTO_TEST_CASE(a_file_in_its_place_is_not_touched) {
    const testing::TemporaryDirectory directory;
    const auto file = directory.write("run", "precious");
    const auto prepared = prepare_runtime_directory(in_directory(file));
    BOOST_TEST_REQUIRE(!prepared.has_value());
    BOOST_TEST((prepared.error().kind == ErrorKind::invalid));
    BOOST_TEST(testing::slurp(file) == "precious");
}

BOOST_AUTO_TEST_CASE(names_a_missing_user_and_makes_nothing) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const testing::TemporaryDirectory directory;
    auto configuration = in_directory(directory / "run");
    configuration.user = "nobody-of-this-name";
    const auto prepared = prepare_runtime_directory(configuration);
    BOOST_TEST_REQUIRE(!prepared.has_value());
    BOOST_TEST(prepared.error().message.find("nobody-of-this-name") != std::string::npos);
    BOOST_TEST(!std::filesystem::exists(directory / "run"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(report_socket)

// What systemd-tmpfiles(8) does on an installed system.
BOOST_AUTO_TEST_CASE(root_makes_its_directory_for_the_group_of_the_settings_page) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const testing::TemporaryDirectory directory;
    auto configuration = in_directory(directory.path());
    configuration.settings_user = "www-data";
    prepare_report_directory(configuration);
    const auto made = status_of(snapshot::page_socket_directory(configuration));
    BOOST_TEST((made.st_mode & 07777) == 02750U);
    BOOST_TEST(made.st_uid == ::getpwnam("nobody")->pw_uid);
    BOOST_TEST(made.st_gid == ::getpwnam("www-data")->pw_gid);
    BOOST_TEST(static_cast<bool>(make_page_socket(snapshot::report_socket_path(configuration)).value()));
    const auto socket = status_of(snapshot::report_socket_path(configuration));
    BOOST_TEST((socket.st_mode & 07777) == 0660U);
    BOOST_TEST(socket.st_gid == ::getpwnam("www-data")->pw_gid);
}

BOOST_AUTO_TEST_CASE(there_is_none_without_a_settings_page) {
    const testing::TemporaryDirectory directory;
    auto configuration = in_directory(directory.path());
    configuration.settings_user = "nobody-of-this-name";
    prepare_report_directory(configuration);
    BOOST_TEST(!std::filesystem::exists(snapshot::page_socket_directory(configuration)));
    const auto socket = make_page_socket(snapshot::report_socket_path(configuration));
    BOOST_TEST_REQUIRE(socket.has_value());
    BOOST_TEST(!static_cast<bool>(*socket));
}

BOOST_AUTO_TEST_CASE(root_changes_the_owner_of_no_existing_directory) {
    BOOST_TEST_REQUIRE(::geteuid() == 0, "this test needs root: sudo make check");
    const testing::TemporaryDirectory directory;
    const testing::TemporaryDirectory precious;
    const auto before = status_of(precious.path());
    auto configuration = in_directory(directory.path());
    configuration.settings_user = "www-data";
    std::filesystem::create_directory_symlink(precious.path(), snapshot::page_socket_directory(configuration));
    prepare_report_directory(configuration);
    BOOST_TEST(status_of(precious.path()).st_uid == before.st_uid);
    BOOST_TEST(status_of(precious.path()).st_mode == before.st_mode);
}

BOOST_AUTO_TEST_CASE(its_client_names_what_keeps_it_from_connecting) {
    BOOST_TEST_REQUIRE(::geteuid() == 0U, "this case takes root, to become another user");
    const testing::TemporaryDirectory directory;
    const auto path = directory / "socket";
    const auto asked = [&] { return snapshot::ask_collectors(path, util::BootClock::now() + std::chrono::seconds(1)); };
    const auto none = asked();
    BOOST_TEST_REQUIRE(!none.has_value());
    BOOST_TEST(none.error().message.contains("is ceymail-metrics running?"), none.error().message);
    const auto listener = make_page_socket(path);
    BOOST_TEST_REQUIRE(listener.has_value(), (listener ? "" : listener.error().message));
    std::filesystem::permissions(directory.path(), std::filesystem::perms{0700});
    BOOST_TEST_REQUIRE(::seteuid(65534) == 0);
    const auto denied = asked();
    BOOST_TEST_REQUIRE(::seteuid(0) == 0);
    BOOST_TEST_REQUIRE(!denied.has_value());
    BOOST_TEST(denied.error().message.contains("its directory must belong to the group"), denied.error().message);
}

// The gatherer's side is a test's: what a damaged or stopped one could send.
BOOST_AUTO_TEST_CASE(its_client_names_an_answer_that_does_not_come_or_is_too_long) {
    const testing::TemporaryDirectory directory;
    const auto path = directory / "socket";
    const auto listener = make_page_socket(path);
    BOOST_TEST_REQUIRE(listener.has_value(), (listener ? "" : listener.error().message));
    const auto asked = [&](const std::optional<std::string>& answer) {
        std::thread server([&] {
            pollfd waiting{.fd = listener->get(), .events = POLLIN, .revents = 0};
            ::poll(&waiting, 1, 60'000);  // accept(2) does not wait here
            const util::Fd client(::accept(listener->get(), nullptr, nullptr));
            if (answer) static_cast<void>(::send(client.get(), answer->data(), answer->size(), MSG_NOSIGNAL));
        });
        const std::chrono::seconds patience{answer ? 60 : 1};
        auto got = snapshot::ask_collectors(path, util::BootClock::now() + patience);
        server.join();
        return got;
    };
    const auto begins = "cannot ask the collectors at " + path.string() + ": ";
    const auto none = asked(std::nullopt);
    BOOST_TEST_REQUIRE(!none.has_value());
    BOOST_TEST((none.error().kind == ErrorKind::timed_out));
    BOOST_TEST(none.error().message == begins + "no answer came; restart ceymail-metrics if that goes on");
    const std::string longest(snapshot::k_longest_text, 'x');
    const auto too_long = asked(longest + "x");
    BOOST_TEST_REQUIRE(!too_long.has_value());
    BOOST_TEST(too_long.error().message == begins + "the answer is too long; restart ceymail-metrics");
    const auto nonsense = asked(longest);
    BOOST_TEST_REQUIRE(!nonsense.has_value());
    BOOST_TEST(nonsense.error().message.find("too long") == std::string::npos, nonsense.error().message);
    const auto good = asked(snapshot::to_text({{.name = "cpu"}}));
    BOOST_TEST_REQUIRE(good.has_value(), (good ? "" : good.error().message));
    BOOST_TEST(good->size() == 1U);
}

// Signals come every 20 ms. The child exits by itself where it does not stop waiting.
BOOST_AUTO_TEST_CASE(its_client_waits_on_where_a_signal_interrupts_it_and_no_longer_than_its_deadline) {
    const testing::TemporaryDirectory directory;
    const auto path = directory / "socket";
    const auto listener = make_page_socket(path);
    BOOST_TEST_REQUIRE(listener.has_value(), (listener ? "" : listener.error().message));
    for (const bool answers : {false, true}) {
        testing::ForkedChild client([&] {
            struct sigaction interrupting{};
            interrupting.sa_handler = [](int) {
                static volatile int left = 500;
                left = left - 1;
                if (left == 0) ::_exit(3);
            };
            ::sigaction(SIGALRM, &interrupting, nullptr);
            const itimerval every{{0, 20'000}, {0, 20'000}};
            ::setitimer(ITIMER_REAL, &every, nullptr);
            const std::chrono::milliseconds patience{answers ? 9000 : 200};
            const auto got = snapshot::ask_collectors(path, util::BootClock::now() + patience);
            if (got) return 0;
            return got.error().kind == ErrorKind::timed_out ? 1 : 2;
        });
        pollfd waiting{.fd = listener->get(), .events = POLLIN, .revents = 0};
        BOOST_TEST_REQUIRE(::poll(&waiting, 1, 10'000) == 1);
        const util::Fd connection(::accept(listener->get(), nullptr, nullptr));
        const auto text = snapshot::to_text({{.name = "cpu"}});
        if (answers) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            BOOST_TEST(::send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL) > 0);
        }
        BOOST_TEST(client.wait() == (answers ? 0 : 1));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
