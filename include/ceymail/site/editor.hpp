// SPDX-License-Identifier: MIT
// Puts the marked include into a site file and takes it out again. Text in, text out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ceymail/site/site.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::site {

struct Request {
    WebServer server = WebServer::nginx;
    std::string domain;                 // chooses among several servers with TLS; empty: not known
    std::vector<std::string> includes;  // the files, as the directive names them
    bool plain_http = false;            // also accept a server that answers without TLS
};

// attached: the marked lines are whole and inside the right server. by_hand: an include of the same files without
// marks. lost: neither. damaged: marked lines that are incomplete, changed, doubled or elsewhere.
enum class State { attached, by_hand, lost, damaged };

struct Inspection {
    State state = State::lost;
    VirtualServer server;  // the one that is chosen
};

// Chooses the server: of those with TLS the only one, else the only one with `domain` among its names, else the only
// one with a name such as *.example.org that stands for it. Errors: invalid: the text cannot be parsed; no server with
// TLS (and plain_http is not set); several, and the domain does not choose one of them; an address with an unknown
// variable; a server that also answers without TLS (and plain_http is not set); a location of its own for the endpoint.
// The message has the lines.
[[nodiscard]] util::Result<Inspection> inspect(std::string_view text, const Request& request);

// Returns: the text with the include. Unchanged if it is attached or included by hand. What was damaged is replaced.
// remove(attach(text)) == remove(text). Line ends are those of the text.
// Errors: as inspect().
[[nodiscard]] util::Result<std::string> attach(std::string_view text, const Request& request);

// Returns: the text without marked lines, and exactly as before attach(). Lines between the marks that attach() does
// not write stay. Of a text that cannot be parsed each line that looks like a mark is taken for one.
[[nodiscard]] std::string remove(std::string_view text, WebServer server);

// Returns: whether a line of the text looks like a mark of attach().
[[nodiscard]] bool has_mark(std::string_view text);

// Returns: the difference as `diff -u` prints it, in one hunk; empty if there is none.
[[nodiscard]] std::string unified_diff(std::string_view before, std::string_view after, std::string_view name);

}  // namespace ceymail::site
