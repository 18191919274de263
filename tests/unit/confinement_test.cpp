// SPDX-License-Identifier: MIT
// What AppArmor says of a process, and the remedy that --check names.
#include "ceymail/doctor/confinement.hpp"

#include <boost/test/unit_test.hpp>

#include "support/temporary_directory.hpp"

using namespace ceymail::doctor;
using ceymail::testing::TemporaryDirectory;

BOOST_AUTO_TEST_SUITE(confinement)

BOOST_AUTO_TEST_CASE(is_read_as_the_kernel_writes_it) {
    const struct {
        std::string_view text;
        const char* profile;
        const char* mode;
    } table[] = {{"ceymail-metrics (enforce)\n", "ceymail-metrics", "enforce"},
                 {"ceymail-metrics (complain)", "ceymail-metrics", "complain"},
                 {{"ceymail-metrics (enforce)\n\0", 27}, "ceymail-metrics", "enforce"},
                 {"a (b)//&ceymail-metrics (mixed)\n", "a (b)//&ceymail-metrics", "mixed"},
                 {"unconfined\n", "", ""},
                 {"unconfined (", "", ""},
                 {"", "", ""}};
    for (const auto& row : table) {
        const auto got = parse_confinement(row.text);
        BOOST_TEST(got.profile == row.profile, row.text);
        BOOST_TEST(got.mode == row.mode, row.text);
    }
}

BOOST_AUTO_TEST_CASE(a_kernel_has_apparmor_when_it_is_compiled_in_and_on) {
    const TemporaryDirectory sys;
    BOOST_TEST(!has_apparmor(sys.path()));
    sys.write("module/apparmor/parameters/enabled", "N\n");
    BOOST_TEST(!has_apparmor(sys.path()));
    sys.write("module/apparmor/parameters/enabled", "Y\n");
    BOOST_TEST(has_apparmor(sys.path()));
}

BOOST_AUTO_TEST_CASE(is_the_one_of_apparmor_beside_another_security_module) {
    const TemporaryDirectory proc;
    BOOST_TEST(!confinement_of(proc.path(), 42));
    proc.write("42/attr/current", "other (enforce)\n");
    BOOST_TEST(confinement_of(proc.path(), 42).value().profile == "other");
    proc.write("42/attr/apparmor/current", "ceymail-metrics (enforce)\n");
    BOOST_TEST(confinement_of(proc.path(), 42).value().profile == "ceymail-metrics");
}

BOOST_AUTO_TEST_CASE(is_named_where_it_can_be_the_cause) {
    const std::string refused = "cannot read /srv/mail.log: Permission denied";
    const Confinement enforced{"ceymail-metrics", "enforce"};
    BOOST_TEST(remedy_for_refusal(enforced, refused).contains("/etc/apparmor.d/local/ceymail-metrics"));
    BOOST_TEST(remedy_for_refusal(enforced, "cannot read /srv/mail.log: No such file or directory") == "");
    BOOST_TEST(remedy_for_refusal(Confinement{"ceymail-metrics", "complain"}, refused) == "");
    BOOST_TEST(remedy_for_refusal(Confinement{}, refused) == "");
    BOOST_TEST(remedy_for_refusal(std::nullopt, refused) == "");
}

BOOST_AUTO_TEST_SUITE_END()
