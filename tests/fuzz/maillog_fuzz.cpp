// SPDX-License-Identifier: MIT
// parse() and parse_fail2ban() against a second parser, which is made of regular expressions: all counters are equal.
// The input: a byte that chooses a program, then texts of it with a line each; or whole lines.
// fuzz: -max_len=2500
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "ceymail/maillog/parser.hpp"
#include "fuzz/fuzz.hpp"
#include "support/maillog_reference.hpp"

using namespace ceymail;
using fuzz::require;

namespace {

constexpr std::array<std::string_view, 21> k_tags{
    "postfix/smtpd[7]: ",
    "postfix/submission/smtpd[7]: ",
    "postfix/10025/smtpd[7]: ",
    "postfix/smtp[9]: ",
    "postfix/lmtp[9]: ",
    "postfix/local[9]: ",
    "postfix/virtual[9]: ",
    "postfix/pipe[9]: ",
    "postfix/error[9]: ",
    "postfix/cleanup[5]: ",
    "postfix/qmgr[3]: ",
    "postfix/pickup[4]: ",
    "postfix/postscreen[6]: ",
    "postfix/dnsblog[6]: ",
    "postfix/tlsproxy[6]: ",
    "postfix/master[1]: ",
    "dovecot: ",
    "dovecot: imap-login: ",
    "spamd[8]: ",
    "opendkim[2]: ",
    "postfix/smtpd[7]: warning: ",
};

std::string with_tags(std::string_view texts, std::string_view tag) {
    std::string lines;
    while (!texts.empty()) {
        const auto [text, others] = fuzz::cut(texts, '\n');
        lines += "2026-11-27T18:14:50.123456+00:00 mx1 ";
        lines += tag;
        lines += text;
        lines += '\n';
        texts = others;
    }
    return lines;
}

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
    const std::size_t choice = data[0];
    const auto text = fuzz::text_of(data + 1, size - 1);
    if (choice == 'f') {
        maillog::parse_fail2ban(text, both->fast);
        testing::parse_fail2ban_slowly(text, both->slow);
    } else {
        const std::size_t tag = choice - 'A';
        const auto lines = tag < k_tags.size() ? with_tags(text, k_tags[tag]) : std::string(text);
        maillog::parse(lines, {}, both->fast);
        testing::parse_mail_log_slowly(lines, {}, both->slow);
    }
    require(std::memcmp(&both->fast, &both->slow, sizeof both->fast) == 0, "both parsers count the same");
    return 0;
}
