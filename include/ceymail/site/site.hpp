// SPDX-License-Identifier: MIT
// site: reads the site files of nginx and Apache and puts the endpoint's include into them. Text in, text out.
// Process: ceymail-attach; the parsers also the gatherer, which looks for certificates.
// Touches: memory.
// Attackers: none: root alone writes these files. A parser accepts any bytes.
//
// Site: what both parsers report of a site file. Offsets are bytes of the text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/util/result.hpp"

namespace ceymail::site {

enum class WebServer { nginx, apache };

struct Listener {
    std::string address;  // "192.0.2.1", "[2001:db8::1]" or a name; empty: all IPv4; "[::]": all IPv6
    std::string port;
    bool tls = false;
    bool proxy_protocol = false;

    bool operator==(const Listener&) const = default;
};

struct Include {
    std::size_t offset = 0;  // of the directive
    std::string argument;
};

// A server block of nginx or a virtual host of Apache.
struct VirtualServer {
    std::size_t line = 0;
    std::vector<std::string> names;   // lower case; server_name or ServerName and ServerAlias
    std::vector<Listener> listeners;  // TCP only
    bool tls = false;                 // it answers TLS
    bool plain = false;               // it also or only answers without TLS
    std::size_t place = 0;            // where an include goes: nginx: the first location; else the end of the block
    std::vector<Include> includes;    // directly inside
    std::optional<std::size_t> own_path_line;  // nginx: of a location for exactly the endpoint's path
    std::string unread;  // why it cannot be tried, and the remedy: Apache: a variable in its address; empty: nothing
};

struct Site {
    std::vector<VirtualServer> servers;  // in the order of the file
    std::vector<std::size_t> comments;   // offsets of the '#' of each comment
    // Of the whole file, inside blocks and outside, in their order.
    std::vector<std::string> certificates = {};  // arguments of ssl_certificate or SSLCertificateFile
    std::vector<std::string> all_includes = {};  // arguments of include, Include and IncludeOptional
    std::optional<std::size_t> macro_line = {};  // Apache: of the first Use, which inserts what is not read
};

inline constexpr std::string_view k_endpoint_path = "/api/stats/metrics";

// Reads as nginx does: quotes, escapes, "${", comments, any depth up to 64. Follows no include.
// Errors: invalid: what nginx would refuse, a Lua block, a NUL byte. The message has the line.
// Source: ngx_conf_read_token() of nginx.
[[nodiscard]] util::Result<Site> parse_nginx(std::string_view text);

// Reads as Apache does: one directive a line, "\" at the end of a line continues it, sections up to 64 deep.
// <IfModule>, <IfDefine> and <IfVersion> are looked into as if they were true. ${NAME} is replaced where the text has a
// Define above. An SSLEngine outside of the virtual hosts holds for those without one. Follows no include.
// Errors: invalid: sections that do not match, a <Perl> or <Macro> section, a NUL byte. The message has the line.
// Source: ap_cfg_getline() of Apache.
[[nodiscard]] util::Result<Site> parse_apache(std::string_view text);

[[nodiscard]] util::Result<Site> parse(WebServer server, std::string_view text);

// Returns: apache if a line of the text begins a <VirtualHost>, else nginx.
[[nodiscard]] WebServer guess_web_server(std::string_view text);

// Returns: the number of the line at `offset`, from 1.
[[nodiscard]] std::size_t line_at(std::string_view text, std::size_t offset) noexcept;

}  // namespace ceymail::site
