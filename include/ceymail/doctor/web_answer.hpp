// SPDX-License-Identifier: MIT
// WebAnswer: the HTTP answer to --check --url, and the diagnosis of the web server's configuration.
#pragma once

#include <string>

#include "ceymail/doctor/check_report.hpp"

namespace ceymail::doctor {

struct WebAnswer {
    bool over_tls = true;
    int status = 0;
    std::string head;  // status line and header fields, without the empty line
    std::string body;  // a long body is cut

    // Returns: the value of a header field; empty: it is missing. `name` is compared without case.
    [[nodiscard]] std::string field(const std::string& name) const;
    [[nodiscard]] bool is_from_responder() const;
};

// Reports on "web server". Requires: the request had a well-formed token that is not valid.
void report_answer(CheckReport& report, const WebAnswer& answer);

}  // namespace ceymail::doctor
