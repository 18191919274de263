// SPDX-License-Identifier: MIT
// A collector whose directory was bound, and then moved on the host. The texts are of a booted machine.
#include <boost/test/unit_test.hpp>

#include "ceymail/collect/place_guard.hpp"
#include "support/scripted_collector.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::collect {
namespace {

using testing::TemporaryDirectory;

const std::string k_root = "651 600 0:40 /usr/lib/ceymail-metrics/root / ro shared:200 - overlay machine rw\n";
const std::string k_run = "660 651 0:25 / /run ro shared:210 master:5 - tmpfs tmpfs rw\n";
std::string spool(const std::string& root) {
    return "696 651 0:40 " + root + " /var/spool ro shared:249 master:1 - overlay machine rw\n";
}
const std::string k_over_it = "724 696 0:68 / /var/spool/postfix rw shared:251 master:232 - tmpfs x rw\n";
const std::string k_beside_it = "725 651 0:69 / /var/spool/postfix-out rw - tmpfs x rw\n";

std::optional<std::string> moved_between(const std::string& before, const std::string& now) {
    const std::filesystem::path queue = "/var/spool/postfix";
    return moved(mounts_above(before, queue), mounts_above(now, queue));
}

BOOST_AUTO_TEST_SUITE(place_guard)

BOOST_AUTO_TEST_CASE(tells_which_mount_shows_another_directory) {
    const auto bound = k_root + k_run + spool("/var/spool");
    struct {
        const char* label;
        std::string before;
        std::string now;
        std::optional<std::string> want;
    } const cases[] = {
        {"nothing happened", bound, bound, {}},
        {"moved", bound, k_root + k_run + spool("/var/spool.bak"), "/var/spool"},
        {"removed", bound, k_root + k_run + spool("/var/spool//deleted"), "/var/spool"},
        {"moved before the service started", k_root + spool("/x//deleted"), k_root + spool("/x//deleted"), {}},
        {"something was mounted over it", bound, bound + k_over_it, {}},
        {"and is gone again", bound + k_over_it, bound, {}},
        {"the machine's own directory was moved", k_root, "651 600 0:40 /elsewhere / ro - overlay machine rw\n", {}},
        {"another mount was moved",
         bound + k_beside_it,
         bound + "725 651 0:69 /x /var/spool/postfix-out rw - tmpfs x rw\n",
         {}},
        {"a line is cut short", bound, "696 651\n\n", {}},
    };
    for (const auto& c : cases) BOOST_TEST((moved_between(c.before, c.now) == c.want), c.label);
}

BOOST_AUTO_TEST_CASE(fails_its_collector_while_the_directory_is_moved) {
    const TemporaryDirectory directory;
    const auto mountinfo = directory.write("mountinfo", k_root + spool("/var/spool"));
    const auto guarded =
        only_in_place(testing::scripted("queue", [](util::BootTime) { return testing::gauge("of_queue", 1); }),
                      {"/var/spool/postfix"}, mountinfo);
    const auto deadline = util::BootClock::now() + std::chrono::seconds(5);
    guarded->prepare();
    BOOST_TEST(guarded->name() == "queue");
    BOOST_TEST(guarded->collect(deadline).has_value());
    directory.write("mountinfo", k_root + spool("/var/spool.bak"));
    const auto refused = guarded->collect(deadline);
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().kind == util::ErrorKind::conflict));
    BOOST_TEST(refused.error().message.find("systemctl restart ceymail-metrics") != std::string::npos);
    directory.write("mountinfo", k_root + spool("/var/spool"));
    BOOST_TEST(guarded->collect(deadline).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ceymail::collect
