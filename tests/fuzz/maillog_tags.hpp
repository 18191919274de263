// SPDX-License-Identifier: MIT
// The input of the fuzz targets of the mail log: a byte that chooses a program, then texts of it, one a line. With
// another byte the lines are whole.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "fuzz/fuzz.hpp"

namespace ceymail::fuzz {

inline constexpr std::array<std::string_view, 21> k_tags{
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

// `choice`: 'A' is the first tag.
inline void put_tags(std::string_view texts, unsigned char choice, std::string& lines) {
    lines.clear();
    const std::size_t tag = static_cast<std::size_t>(choice) - 'A';
    if (tag >= k_tags.size()) {
        lines = texts;
        return;
    }
    while (!texts.empty()) {
        const auto [text, others] = cut(texts, '\n');
        lines += "2026-11-27T18:14:50.123456+00:00 mx1 ";
        lines += k_tags[tag];
        lines += text;
        lines += '\n';
        texts = others;
    }
}

}  // namespace ceymail::fuzz
