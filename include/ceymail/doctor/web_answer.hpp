// SPDX-License-Identifier: MIT
// WebAnswer: one HTTP answer of the web server that --check --url asked, and what it says of the way to the responder.
#pragma once

#include <string>

#include "ceymail/doctor/check_report.hpp"

namespace ceymail::doctor {

struct WebAnswer {
    bool over_tls = true;
    int status = 0;
    std::string head;  // status line and header fields, without the empty line
    std::string body;  // the first part of it where it is long

    // A field's value, its name in any case. Empty: it is missing.
    [[nodiscard]] std::string field(const std::string& name) const;
    [[nodiscard]] bool is_ours() const;
};

// Reports on "web server". Requires: the request bore a well-formed token that is nobody's.
void judge(CheckReport& report, const WebAnswer& answer);

}  // namespace ceymail::doctor
