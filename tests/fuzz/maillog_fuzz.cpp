// SPDX-License-Identifier: MIT
// parse() and parse_fail2ban() against a second parser, which is made of regular expressions: all counters are equal.
// The input: a byte that chooses a program, then texts of it with a line each; or whole lines.
// fuzz: -max_len=2500
#include <cstring>
#include <memory>
#include <string>

#include "ceymail/maillog/parser.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/maillog_tags.hpp"
#include "support/maillog_reference.hpp"

using namespace ceymail;
using fuzz::require;

namespace {

// What both write to. It is large, so it is kept and wiped.
struct Both {
    maillog::Counters fast;
    maillog::Counters slow;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto both = std::make_unique<Both>();
    if (size == 0) return 0;
    *both = {};
    const auto text = fuzz::text_of(data + 1, size - 1);
    if (data[0] == 'f') {
        maillog::parse_fail2ban(text, both->fast);
        testing::parse_fail2ban_slowly(text, both->slow);
    } else {
        std::string lines;
        fuzz::put_tags(text, data[0], lines);
        maillog::parse(lines, {}, both->fast);
        testing::parse_mail_log_slowly(lines, {}, both->slow);
    }
    require(std::memcmp(&both->fast, &both->slow, sizeof both->fast) == 0, "both parsers count the same");
    return 0;
}
