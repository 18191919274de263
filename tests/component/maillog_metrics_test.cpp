// SPDX-License-Identifier: MIT
// The metrics of the mail log as Prometheus's own tool judges them.
#include "ceymail/maillog/metrics.hpp"

#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

#include "ceymail/exposition/text_format.hpp"
#include "support/child_process.hpp"

namespace {

using namespace ceymail;
using namespace ceymail::maillog;

BOOST_AUTO_TEST_SUITE(maillog_exposition)

BOOST_AUTO_TEST_CASE(promtool_has_nothing_to_report) {
    const auto counters = std::make_unique<Counters>();
    counters->bans.add("postfix-sasl", 1);
    counters->delivery_delay.add(1'500'000, 3);
    std::string text;
    for (const auto& family : make_families(*counters, {true, true, true, true, true, true, true}, util::BootTime{}))
        exposition::append_family(text, family);
    const auto checked = testing::run({.arguments = {"promtool", "check", "metrics"}, .input = text});
    BOOST_TEST(checked.status == 0);
    BOOST_TEST(checked.output.empty(), checked.output);
    BOOST_TEST(checked.errors.empty(), checked.errors);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
