// SPDX-License-Identifier: MIT
// Which paths hang, and what is left of a configuration without them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>

#include <boost/test/unit_test.hpp>

#include <unistd.h>

#include "ceymail/system/hanging_paths.hpp"
#include "support/hung_mount.hpp"
#include "support/miniature.hpp"
#include "support/mount_namespace.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace std::chrono_literals;
using namespace ceymail;
using namespace ceymail::testing;
using Paths = std::vector<std::filesystem::path>;

boost::test_tools::assertion_result can_mount_what_hangs(boost::unit_test::test_unit_id) {
    return HungMount::possible() && enter_mount_namespace();
}

struct Fixture {
    TemporaryDirectory directory;
    std::shared_ptr<std::atomic<int>> answered = std::make_shared<std::atomic<int>>(0);  // threads outlive a test
    std::optional<HungMount> dead{};

    Fixture() {
        std::filesystem::create_directory(directory / "dead");
        dead.emplace(directory / "dead");
    }
    [[nodiscard]] Paths hanging(const Paths& paths) {
        return system::hanging_paths(paths, 50ms, [answered = answered] { ++*answered; });
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hanging_paths, *boost::unit_test::precondition(can_mount_what_hangs))

BOOST_FIXTURE_TEST_CASE(are_those_that_do_not_answer, Fixture) {
    const Paths answer{directory.path(), "/proc", directory / "missing", "/nonexistent/missing", ""};
    BOOST_TEST((hanging(answer) == Paths{}));
    BOOST_TEST((hanging({}) == Paths{}));
    BOOST_TEST((hanging({directory / "dead/a", "/proc", directory / "dead", directory / "missing"}) ==
                Paths{directory / "dead/a", directory / "dead"}),
               "one behind another that hangs is looked at");
    BOOST_TEST(*answered == 0);
}

BOOST_FIXTURE_TEST_CASE(tell_once_when_all_answer_after_all, Fixture) {
    std::filesystem::create_directory(directory / "other");
    std::optional<HungMount> other(directory / "other");
    BOOST_TEST(hanging({directory / "dead/a", "/proc", directory / "other/b"}).size() == 2U);
    dead.reset();
    ::usleep(50'000);
    BOOST_TEST(*answered == 0, "one still hangs");
    other.reset();
    BOOST_TEST(eventually([&] { return *answered > 0; }));
    ::usleep(50'000);
    BOOST_TEST(*answered == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(paths_of_gatherer)

BOOST_AUTO_TEST_CASE(are_taken_out_of_a_configuration_one_by_one) {
    config::Configuration configuration;
    configuration.queue_directories = {"/a/queue", "/b/queue"};
    configuration.certificates = {{"a", "/a/certificate"}, {"b", "/b/certificate"}};
    configuration.database_option_file = "/a/option-file";
    configuration.database_tls_ca = "/a/ca";
    configuration.database_tls_certificate = "/a/tls-certificate";
    configuration.database_tls_key = "/a/tls-key";
    const auto all = system::paths_of_gatherer(configuration);
    BOOST_TEST(all.size() == 13U);
    for (const auto& path : all) {
        const auto rest = system::paths_of_gatherer(system::without_paths(configuration, {path}));
        Paths wanted;
        std::ranges::copy_if(all, std::back_inserter(wanted), [&](const auto& one) { return one != path; });
        BOOST_TEST((rest == wanted), path);
    }
    BOOST_TEST((system::without_paths(configuration, {}) == configuration));
    BOOST_TEST(system::paths_of_gatherer(system::without_paths(configuration, all)).empty());
}

BOOST_AUTO_TEST_CASE(have_no_disk_and_no_journal) {
    config::Configuration configuration;
    configuration.disk = "/may/be/dead";
    configuration.mail_log = "journal";
    for (const auto& path : system::paths_of_gatherer(configuration)) {
        BOOST_TEST(path != configuration.disk);
        BOOST_TEST(path != configuration.mail_log);
    }
}

BOOST_AUTO_TEST_SUITE_END()
