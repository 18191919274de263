// SPDX-License-Identifier: MIT
// What holds for any site file of either web server.
#pragma once

#include <algorithm>
#include <string>

#include "ceymail/site/editor.hpp"
#include "fuzz/fuzz.hpp"

namespace ceymail::fuzz {

inline void check_places(std::string_view text, const site::Site& parsed) {
    for (const auto& server : parsed.servers) {
        require(server.place < text.size(), "the place is in the text");
        require(server.line >= 1 && server.line <= site::line_at(text, server.place), "the line is before the place");
        require(!server.listeners.empty() || (!server.tls && !server.plain), "what answers has a listener");
    }
    for (const auto offset : parsed.comments) require(text.at(offset) == '#', "a comment begins with #");
}

// A site without marks comes back byte for byte, and twice is harmless.
inline void check_round_trip(std::string_view text, const site::Request& request) {
    require(site::remove(text, request.server) == text, "what has no mark stays");
    const auto edited = site::attach(text, request);
    if (!edited) return require(edited.error().kind == util::ErrorKind::invalid, "what is refused is invalid");
    const auto found = site::inspect(*edited, request);
    require(found.has_value(), "the web server can still read it");
    require(found->state == (*edited == text ? site::State::by_hand : site::State::attached), "it is attached");
    require(site::remove(*edited, request.server) == text, "it comes back byte for byte");
    require(site::attach(*edited, request).value() == *edited, "twice is harmless");
    const auto before = site::parse(request.server, text);
    const auto after = site::parse(request.server, *edited);
    require(before->servers.size() == after->servers.size(), "no server comes or goes");
}

inline int check_site(site::WebServer server, std::string_view text) {
    const auto parsed = site::parse(server, text);
    if (parsed)
        check_places(text, *parsed);
    else
        require(parsed.error().message.starts_with("line "), "an error has the line");
    for (const bool plain_http : {false, true}) {
        const site::Request request{.server = server,
                                    .domain = "a.example",
                                    .includes = {"x/ceymail-metrics*.conf", "x/ceymail-settings*.conf"},
                                    .plain_http = plain_http};
        if (!site::has_mark(text)) {
            check_round_trip(text, request);
            continue;
        }
        // Damaged by a person: what is left may be anything, but it is smaller.
        require(site::remove(text, server).size() <= text.size(), "remove() adds nothing");
        (void)site::attach(text, request);
    }
    return 0;
}

}  // namespace ceymail::fuzz
