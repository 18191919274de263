// SPDX-License-Identifier: MIT
// ceymail_attached out of the state file of ceymail-attach.
#include "ceymail/collect/attachment.hpp"

#include <boost/test/unit_test.hpp>

#include "support/temporary_directory.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::collect;
using namespace std::chrono_literals;

util::BootTime after_one_hour() noexcept { return util::BootTime(1h); }

util::Result<Families> collected(const char* text) {
    const testing::TemporaryDirectory directory;
    return AttachmentCollector(directory.write("state", text), after_one_hour).collect({});
}

BOOST_AUTO_TEST_SUITE(attachment_collector)

BOOST_AUTO_TEST_CASE(reports_what_was_judged_last) {
    const struct {
        const char* in;
        std::uint64_t want;
    } table[] = {{"1 3600\n", 1}, {"0 3600\n", 0}, {"1 1800\n", 1}};
    for (const auto& row : table) {
        const auto families = collected(row.in);
        BOOST_TEST_REQUIRE(families.has_value(), row.in);
        BOOST_TEST_REQUIRE(families->size() == 1U);
        BOOST_TEST((*families)[0].name == "ceymail_attached");
        BOOST_TEST(std::get<std::uint64_t>((*families)[0].samples.at(0).value) == row.want);
    }
}

BOOST_AUTO_TEST_CASE(is_absent_where_ceymail_attach_was_never_used) {
    const testing::TemporaryDirectory directory;
    const auto families = AttachmentCollector(directory / "attach/state").collect({});
    BOOST_TEST_REQUIRE(families.has_value());
    BOOST_TEST(families->empty());
}

BOOST_AUTO_TEST_CASE(fails_when_nothing_watches_any_more) {
    const auto families = collected("1 1799\n");
    BOOST_TEST_REQUIRE(!families.has_value());
    BOOST_TEST(families.error().message.find("30 minutes old") != std::string::npos, families.error().message);
    BOOST_TEST(families.error().message.find("ceymail-attach.timer") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(refuses_what_ceymail_attach_does_not_write) {
    for (const auto* text :
         {"", "1", "1 3600", "2 3600\n", "1 x\n", "1 -1\n", "1 3600 1\n", "1 3602\n", "\n", "1 99999999999999999999\n",
          "1 3600\n1 3600\n", "1 000000000000000000000000000000000000000000000000000000000000000000000003600\n"})
        BOOST_TEST(!collected(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
