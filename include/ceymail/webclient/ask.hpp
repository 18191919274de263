// SPDX-License-Identifier: MIT
// webclient: asks a web server for one page, by TLS or without.
// Processes: ceymail-metrics --check, ceymail-attach.
// Touches: the network.
// Attackers: the web server that answers. The answer is cut at 64 KiB.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"

namespace ceymail::webclient {

struct Destination {
    std::string host;  // name or address, without brackets
    std::string port;
    bool tls = true;
    std::string name{};     // for SNI and for the certificate; empty: as `host`
    std::string prelude{};  // sent before TLS and the request: a PROXY line
};

struct Answer {
    bool over_tls = true;
    int status = 0;
    std::string head;                 // status line and header fields, without the empty line
    std::string body{};               // cut where the answer is longer than 64 KiB
    std::string certificate_fault{};  // of the verification against the host's certificate authorities; empty: none

    // Returns: the value of a header field; empty: it is missing. `name` is compared without case.
    [[nodiscard]] std::string field(std::string_view name) const;
    [[nodiscard]] bool is_from_responder() const;  // it has the header X-CeyMail-Metrics
};

// Sends `request` and reads until the end of the connection.
// Security: a certificate that cannot be verified is reported, not refused. Send no secret.
// Errors: not_found: no such host; unavailable: no connection, no TLS, no HTTP answer.
// Units: each step waits for `timeout`.
[[nodiscard]] util::Result<Answer> ask(const Destination& destination, std::string_view request,
                                       std::chrono::milliseconds timeout);

}  // namespace ceymail::webclient
