// SPDX-License-Identifier: MIT
// Calls of the C library that fail: no crash, no leak, no wrong 200. tests/component/failing_calls_test.cpp does it.
#include <sstream>

#include "support/child_process.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

// What it found wrong, or how it ended.
std::string fault_in(const Finished& done) {
    std::istringstream lines(done.output + done.errors);
    for (std::string line; std::getline(lines, line);) {
        if (line.find("error: ") != line.npos) return line.substr(line.find("error: "));
    }
    return "tests-component ended with " + std::to_string(done.status);
}

}  // namespace

void failing_calls_break_nothing(Proof& proof) {
    const auto requests = proof.rounds(3000, 100);
    const auto* const cases = proof.rounds(true, false) ? "failing_calls" : "failing_calls/calls_that_fail_by_chance*";
    const auto done = run({.arguments = {built_program("tests-component"), std::string("--run_test=") + cases,
                                         "--log_level=error", "--report_level=no", "--color_output=no"},
                           .environment = {"CEYMAIL_STORM=" + std::to_string(requests)}},
                          300s);
    proof.hold(done.status == 0, fault_in(done));
    constexpr std::string_view k_figures = "failing calls, ";
    std::istringstream lines(done.output);
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(k_figures)) proof.tell(line.substr(k_figures.size()));
    }
}

}  // namespace ceymail::testing
