// SPDX-License-Identifier: MIT
#include "ceymail/site/editor.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include <fnmatch.h>

#include "ceymail/site/ceymail_conf.hpp"

namespace ceymail::site {
namespace {

constexpr std::string_view k_begin = "# ceymail-metrics: begin, by ceymail-attach(8)";
// The line break before this mark is part of the insertion: what it stands before does not begin its line.
constexpr std::string_view k_begin_after_break = "# ceymail-metrics: begin after a line break, by ceymail-attach(8)";
constexpr std::string_view k_end = "# ceymail-metrics: end";

// A line without its end.
struct Line {
    std::size_t begin = 0;
    std::size_t end = 0;   // without "\n" and "\r\n"
    std::size_t next = 0;  // begin of the next line
};

Line line_around(std::string_view text, std::size_t offset) {
    Line line;
    const auto before = offset == 0 ? text.npos : text.rfind('\n', offset - 1);
    line.begin = before == text.npos ? 0 : before + 1;
    const auto feed = text.find('\n', offset);
    line.next = feed == text.npos ? text.size() : feed + 1;
    line.end = feed == text.npos ? text.size() : feed;
    if (feed != text.npos && line.end > line.begin && text[line.end - 1] == '\r') --line.end;
    return line;
}

std::string_view without_indentation(std::string_view line) {
    return line.substr(std::min(line.size(), line.find_first_not_of(" \t")));
}

// "snippets/ceymail-metrics*.conf" and "/etc/nginx/snippets/ceymail-metrics.conf" are the same include.
std::string file_of(std::string_view argument) {
    std::string name(argument.substr(argument.rfind('/') + 1));
    std::erase(name, '*');
    return name;
}

// What stands before and behind the file in a directive.
std::pair<std::string_view, std::string_view> around_file(WebServer server) {
    if (server == WebServer::nginx) return {"include ", ";"};
    return {"IncludeOptional ", ""};
}

// Returns: the file of a line that attach() writes, without its indentation; empty: it is another line.
std::string written_include(std::string_view line, WebServer server) {
    const auto [before, behind] = around_file(server);
    if (!line.starts_with(before) || !line.ends_with(behind)) return {};
    line = line.substr(before.size(), line.size() - before.size() - behind.size());
    if (line.find_first_of(" \t;{}\"'\\#") != line.npos || !file_of(line).starts_with("ceymail-")) return {};
    return std::string(line);
}

// Marked lines: all that remove() takes out at one place.
struct Block {
    std::size_t begin = 0;
    std::size_t end = 0;
    bool whole = false;  // begin mark, includes, end mark
    std::vector<Include> includes;
};

class Blocks {
public:
    Blocks(std::string_view text, const std::vector<std::size_t>& comments, WebServer server)
        : m_text(text), m_comments(comments), m_server(server) {
        for (const auto offset : comments) add(offset);
    }
    [[nodiscard]] const std::vector<Block>& all() const noexcept { return m_all; }

private:
    void add(std::size_t offset) {
        if (!m_all.empty() && offset < m_all.back().end) return;  // the end mark of that block
        const auto line = line_around(m_text, offset);
        const auto mark = without_indentation(m_text.substr(line.begin, line.end - line.begin));
        if (mark != k_begin && mark != k_begin_after_break && mark != k_end) return;
        Block block{.begin = line.begin, .end = line.next, .whole = false, .includes = {}};
        if (mark == k_begin_after_break) block.begin = before_line_break(line);
        if (mark != k_end) take_includes(block);
        m_all.push_back(std::move(block));
    }

    // Without the line break a comment before it would take in what follows, so that one stays.
    [[nodiscard]] std::size_t before_line_break(const Line& mark) const {
        const auto begin = mark.begin;
        if (begin == 0 || m_server == WebServer::apache) return begin;
        const auto before = line_around(m_text, begin - 1).begin;
        if (std::ranges::any_of(m_comments, [&](auto offset) { return before <= offset && offset < begin; }))
            return begin;
        // The break is of the same kind as that behind the mark: a "\r" before it may be the site's own.
        return begin - std::min(begin, mark.next - mark.end);
    }

    void take_includes(Block& block) {
        while (!block.whole && block.end < m_text.size()) {
            const auto line = line_around(m_text, block.end);
            const auto content = without_indentation(m_text.substr(line.begin, line.end - line.begin));
            block.whole = content == k_end;
            if (!block.whole) {
                auto file = written_include(content, m_server);
                if (file.empty()) return;
                block.includes.push_back({line.end - content.size(), std::move(file)});
            }
            block.end = line.next;
        }
    }

    std::string_view m_text;
    const std::vector<std::size_t>& m_comments;
    WebServer m_server;
    std::vector<Block> m_all;
};

std::string without(std::string_view text, const std::vector<Block>& blocks) {
    std::string rest;
    std::size_t at = 0;
    for (const auto& block : blocks) {
        rest += text.substr(at, std::max(at, block.begin) - at);
        at = std::max(at, block.end);
    }
    return rest += text.substr(at);
}

// Returns: the offsets of what looks like a mark; without regard to quotes.
std::vector<std::size_t> mark_lines(std::string_view text) {
    std::vector<std::size_t> marks;
    for (std::size_t at = 0; at < text.size();) {
        const auto line = line_around(text, at);
        const auto content = without_indentation(text.substr(line.begin, line.end - line.begin));
        if (content == k_begin || content == k_begin_after_break || content == k_end)
            marks.push_back(line.end - content.size());
        at = line.next;
    }
    return marks;
}

std::string list_of(const std::vector<const VirtualServer*>& servers) {
    std::string list;
    for (const auto* server : servers) {
        list += (list.empty() ? "line " : ", line ") + std::to_string(server->line) + " (";
        for (const auto& name : server->names) list += (&name == &server->names.front() ? "" : " ") + name;
        list += server->names.empty() ? "no name)" : ")";
    }
    return list;
}

std::string block_name(WebServer server) { return server == WebServer::nginx ? "server block" : "virtual host"; }

std::unexpected<util::Error> refuse(const std::string& message) {
    return util::fail(util::ErrorKind::invalid, message);
}

// A name of a server as the web server matches it: "*.example.org", "mail.*", nginx's ".example.org". Not by a regular
// expression.
bool matches(const std::string& name, const std::string& domain) {
    if (domain.empty() || name.starts_with('~') || name.contains('[')) return false;
    if (name.starts_with('.')) return domain == name.substr(1) || domain.ends_with(name);
    return name.find_first_of("*?") != name.npos && ::fnmatch(name.c_str(), domain.c_str(), FNM_NOESCAPE) == 0;
}

// A name that itself, or another that it stands for, can be given with --domain.
bool can_be_given(const std::string& name) {
    std::string example = name.starts_with('.') ? name.substr(1) : name;
    for (char& c : example)
        if (c == '*' || c == '?') c = 'x';
    return is_host_name(example);
}

// Those with `domain` among their names; if there are none, those with a name that stands for it.
std::vector<const VirtualServer*> servers_of(const std::vector<const VirtualServer*>& candidates,
                                             const std::string& domain) {
    std::vector<const VirtualServer*> exact, other;
    if (domain.empty()) return exact;  // a server may have an empty name
    for (const auto* server : candidates) {
        if (std::ranges::find(server->names, domain) != server->names.end())
            exact.push_back(server);
        else if (std::ranges::any_of(server->names, [&](const auto& name) { return matches(name, domain); }))
            other.push_back(server);
    }
    return exact.empty() ? other : exact;
}

std::unexpected<util::Error> refuse_without_tls(const Site& site, WebServer server) {
    if (site.macro_line)
        return refuse("no virtual host of it answers TLS, and line " + std::to_string(*site.macro_line) +
                      " inserts a macro (Use), which cannot be read here; write that virtual host out in a file of its "
                      "own and name it with --site, or add the include to the macro by hand");
    const bool nginx = server == WebServer::nginx;
    return refuse("no " + block_name(server) + " of it answers TLS (" + (nginx ? "listen ... ssl" : "SSLEngine on") +
                  "), and without TLS the token would travel in clear; set up https first (included files are not "
                  "looked into" +
                  (nginx ? "" : ": repeat an SSLEngine of another file in the virtual host") +
                  "), or give --plain-http");
}

std::string remedy_for_several(const std::vector<const VirtualServer*>& candidates, std::size_t matching,
                               WebServer server) {
    if (matching > 1) return "leave one of them in this file, or add the include by hand";
    const auto has_name = [](const VirtualServer* one) { return std::ranges::any_of(one->names, can_be_given); };
    if (std::ranges::any_of(candidates, has_name)) return "give the name of one with --domain";
    return std::string("none has a name that --domain can give: write a ") +
           (server == WebServer::nginx ? "server_name" : "ServerName") +
           " into the one that is meant, as metrics.example.org, and give that with --domain";
}

util::Result<const VirtualServer*> choose(const Site& site, const Request& request) {
    std::vector<const VirtualServer*> candidates;
    for (const auto& server : site.servers)
        if (server.tls) candidates.push_back(&server);
    if (candidates.empty() && request.plain_http)
        for (const auto& server : site.servers)
            if (server.plain) candidates.push_back(&server);
    if (candidates.empty()) return refuse_without_tls(site, request.server);
    if (candidates.size() == 1) return candidates.front();
    const auto named = servers_of(candidates, request.domain);
    if (named.size() == 1) return named.front();
    const auto known = request.domain.empty() ? "the domain is not known"
                                              : "named " + request.domain + ": " + std::to_string(named.size());
    return refuse("several " + block_name(request.server) + "s qualify: " + list_of(candidates) + "; " + known + "; " +
                  remedy_for_several(candidates, named.size(), request.server));
}

util::Result<const VirtualServer*> choose_safe(const Site& site, const Request& request) {
    CEYMAIL_TRY_ASSIGN(const auto* const chosen, choose(site, request));
    if (!chosen->unread.empty()) return refuse(chosen->unread);
    if (chosen->tls && chosen->plain && !request.plain_http)
        return refuse("the " + block_name(request.server) + " of line " + std::to_string(chosen->line) +
                      " also answers without TLS, where the token would travel in clear; give port 80 a server block "
                      "of its own that redirects, or give --plain-http");
    return chosen;
}

// The includes that are not there by hand: outside of `blocks`, directly inside `server`.
std::vector<std::string> needed(const VirtualServer& server, const std::vector<Block>& blocks,
                                const std::vector<std::string>& wanted) {
    const auto is_marked = [&](const Include& include) {
        return std::ranges::any_of(
            blocks, [&](const Block& block) { return block.begin <= include.offset && include.offset < block.end; });
    };
    std::vector<std::string> all;
    for (const auto& file : wanted) {
        const auto by_hand = [&](const Include& include) {
            return !is_marked(include) && file_of(include.argument) == file_of(file);
        };
        if (std::ranges::none_of(server.includes, by_hand)) all.push_back(file);
    }
    return all;
}

// Apache's parser gives the offset of the line, nginx's that of the word.
bool is_inside(const VirtualServer& server, const Include& include, std::string_view text) {
    return std::ranges::any_of(server.includes, [&](const Include& one) {
        return one.argument == include.argument &&
               line_around(text, one.offset).begin == line_around(text, include.offset).begin;
    });
}

State state_of(std::string_view text, const VirtualServer& server, const std::vector<Block>& blocks,
               const std::vector<std::string>& wanted) {
    const auto files = needed(server, blocks, wanted);
    if (blocks.empty()) return files.empty() ? State::by_hand : State::lost;
    const auto& block = blocks.front();
    if (blocks.size() != 1 || !block.whole) return State::damaged;
    const bool same = std::ranges::equal(block.includes, files, {}, &Include::argument);
    const bool inside =
        std::ranges::all_of(block.includes, [&](const Include& include) { return is_inside(server, include, text); });
    return same && inside ? State::attached : State::damaged;
}

std::string line_end_near(std::string_view text, std::size_t offset) {
    auto feed = offset == 0 ? text.npos : text.rfind('\n', offset - 1);
    if (feed == text.npos) feed = text.find('\n', offset);
    return feed != text.npos && feed > 0 && text[feed - 1] == '\r' ? "\r\n" : "\n";
}

std::string with_block(std::string_view text, const VirtualServer& server, const std::vector<std::string>& files,
                       WebServer kind) {
    const auto line = line_around(text, server.place);
    const auto first = line.begin + text.substr(line.begin).find_first_not_of(" \t");
    const bool begins_line = first >= server.place;
    std::string indent(begins_line ? text.substr(line.begin, std::min(first, line.end) - line.begin) : "    ");
    // The end of a block stands further to the left than what is in it.
    if (begins_line && (text[first] == '}' || text[first] == '<')) indent += "    ";
    const auto line_end = line_end_near(text, server.place);
    std::string block = begins_line ? "" : line_end;
    block.append(indent).append(begins_line ? k_begin : k_begin_after_break).append(line_end);
    const auto [before, behind] = around_file(kind);
    for (const auto& file : files) block.append(indent).append(before).append(file).append(behind).append(line_end);
    block.append(indent).append(k_end).append(line_end);
    return std::string(text).insert(begins_line ? line.begin : server.place, block);
}

}  // namespace

util::Result<Inspection> inspect(std::string_view text, const Request& request) {
    CEYMAIL_TRY_ASSIGN(const auto site, parse(request.server, text));
    CEYMAIL_TRY_ASSIGN(const auto* const chosen, choose_safe(site, request));
    const Blocks blocks(text, site.comments, request.server);
    return Inspection{state_of(text, *chosen, blocks.all(), request.includes), *chosen};
}

util::Result<std::string> attach(std::string_view text, const Request& request) {
    CEYMAIL_TRY_ASSIGN(const auto found, inspect(text, request));
    if (found.state == State::attached || found.state == State::by_hand) return std::string(text);
    auto clean = remove(text, request.server);
    CEYMAIL_TRY_ASSIGN(const auto site, parse(request.server, clean));
    CEYMAIL_TRY_ASSIGN(const auto* const chosen, choose_safe(site, request));
    const auto files = needed(*chosen, {}, request.includes);
    if (files.empty()) return clean;
    if (chosen->own_path_line)
        return refuse("line " + std::to_string(*chosen->own_path_line) + ": the site has a location for " +
                      std::string(k_endpoint_path) + " of its own; remove that first");
    return with_block(clean, *chosen, files, request.server);
}

std::string remove(std::string_view text, WebServer server) {
    const auto site = parse(server, text);
    const auto comments = site ? site->comments : mark_lines(text);
    return without(text, Blocks(text, comments, server).all());
}

bool has_mark(std::string_view text) { return !mark_lines(text).empty(); }

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        lines.push_back(text.substr(0, end == text.npos ? text.npos : end + 1));
        text.remove_prefix(lines.back().size());
    }
    return lines;
}

void append_lines(std::string& out, char sign, const std::vector<std::string_view>& lines, std::size_t begin,
                  std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
        out.append(1, sign).append(lines[i]);
        if (!lines[i].ends_with('\n')) out += "\n\\ No newline at end of file\n";
    }
}

std::string range(std::size_t begin, std::size_t end) {
    return std::to_string(begin == end ? begin : begin + 1) + "," + std::to_string(end - begin);
}

}  // namespace

std::string unified_diff(std::string_view before, std::string_view after, std::string_view name) {
    if (before == after) return {};
    constexpr std::size_t k_context = 3;
    const auto old_lines = lines_of(before);
    const auto new_lines = lines_of(after);
    const auto shorter = std::min(old_lines.size(), new_lines.size());
    std::size_t same = 0;
    while (same < shorter && old_lines[same] == new_lines[same]) ++same;
    std::size_t tail = 0;
    while (tail < shorter - same && old_lines[old_lines.size() - 1 - tail] == new_lines[new_lines.size() - 1 - tail])
        ++tail;
    const auto begin = same - std::min(same, k_context);
    const auto context = std::min(tail, k_context);
    const auto old_end = old_lines.size() - tail;
    const auto new_end = new_lines.size() - tail;
    std::string diff = "--- " + std::string(name) + "\n+++ " + std::string(name) + "\n@@ -" +
                       range(begin, old_end + context) + " +" + range(begin, new_end + context) + " @@\n";
    append_lines(diff, ' ', old_lines, begin, same);
    append_lines(diff, '-', old_lines, same, old_end);
    append_lines(diff, '+', new_lines, same, new_end);
    append_lines(diff, ' ', old_lines, old_end, old_end + context);
    return diff;
}

}  // namespace ceymail::site
