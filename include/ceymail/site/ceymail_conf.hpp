// SPDX-License-Identifier: MIT
// The memory of CeyMail's installer, /etc/ceymail.conf.
#pragma once

#include <string>
#include <string_view>

#include "ceymail/site/site.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::site {

struct CeymailConf {
    std::string dashboard_domain;  // lower case
    WebServer web_server = WebServer::nginx;
};

// Reads lines KEY=VALUE; VALUE may be quoted by ' or ". It is read as text and never given to a shell.
// Errors: invalid: DASHBOARD_DOMAIN or WEB_SERVER is missing, or is no host name, or neither nginx nor apache2.
[[nodiscard]] util::Result<CeymailConf> parse_ceymail_conf(std::string_view text, std::string_view file_name);

// Returns: whether it can be a host name: letters, digits, "-" and "." between labels, at most 253 characters.
[[nodiscard]] bool is_host_name(std::string_view name) noexcept;

}  // namespace ceymail::site
