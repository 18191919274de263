// SPDX-License-Identifier: MIT
#include "ceymail/page/collectors_view.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "ceymail/util/time_format.hpp"

namespace ceymail::page {
namespace {

using snapshot::CollectorState;
using snapshot::Health;

constexpr std::array<std::pair<std::string_view, std::string_view>, 11> k_names{{{"cpu", "Processor"},
                                                                                 {"memory", "Memory"},
                                                                                 {"disk", "Disk"},
                                                                                 {"queue", "Mail queue"},
                                                                                 {"services", "Services"},
                                                                                 {"accounts", "Accounts"},
                                                                                 {"galera", "Galera node"},
                                                                                 {"attachment", "Site"},
                                                                                 {"certificates", "Certificates"},
                                                                                 {"backups", "Backups"},
                                                                                 {"mail_log", "Mail log"}}};

std::string_view name_of(std::string_view collector) {
    const auto* const found = std::ranges::find(k_names, collector, &decltype(k_names)::value_type::first);
    return found == k_names.end() ? collector : found->second;
}

// The script of the page updates elements of class "age".
Html age_of(const CollectorState& state, std::uint64_t now) {
    const std::uint64_t when = now - std::min(state.seconds, now);
    return html(R"(<time datetime="{}"><span class="age">{}</span></time>)", util::utc_time(when),
                util::relative_time(when, now, k_just_now_seconds));
}

Html date_of(const CollectorState& state, std::uint64_t now) {
    return html("{} ({})", util::long_utc_time(now - std::min(state.seconds, now)), age_of(state, now));
}

// Text in backquotes becomes <code>.
Html format_words(std::string_view text) {
    Html words;
    for (bool code = false;; code = !code) {
        const auto end = text.find('`');
        const auto part = text.substr(0, end);
        // A last backquote without a partner stays a backquote.
        words += code && end != text.npos ? html("<code>{}</code>", part) : html("{}{}", code ? "`" : "", part);
        if (end == text.npos) return words;
        text.remove_prefix(end + 1);
    }
}

std::string capitalized(std::string_view text) {
    std::string words(text);
    if (!words.empty() && words[0] >= 'a' && words[0] <= 'z') words[0] = static_cast<char>(words[0] - 'a' + 'A');
    return words;
}

// An error message has the form "thing: cause; remedy".
Html trouble(std::string_view words) {
    const auto end = words.find("; ");
    const Html cause = html("<p>{}</p>", format_words(capitalized(words.substr(0, end))));
    if (end == words.npos) return cause;
    return html("{}<p><strong>What to do:</strong> {}</p>", cause, format_words(words.substr(end + 2)));
}

Html line(std::string_view css_class, const CollectorState& state, std::string_view badge, std::string_view words,
          const Html& more) {
    return html(
        R"(<li class="{}"><div class="collector"><strong>{}</strong><span class="badge {}">{}</span></div>{}</li>
)",
        css_class, name_of(state.name), badge, words, more);
}

Html line_of(const CollectorState& state, std::uint64_t now) {
    switch (state.health) {
        case Health::fails:
            return line("failing", state, "bad", "Failing",
                        html(R"({}<p class="hint">Since {}. Its metrics are missing until it works again.</p>)",
                             trouble(state.trouble), date_of(state, now)));
        case Health::waits:
            return line("waiting", state, "off", "No answer yet",
                        html(R"(<p class="hint">Reload the page in a few seconds.</p>)"));
        case Health::works:
            break;
    }
    return line("working", state, "on", "Working", html(R"(<p class="hint">Read {}</p>)", age_of(state, now)));
}

Html badge_of(const std::vector<CollectorState>& states) {
    const auto failing = static_cast<std::size_t>(std::ranges::count(states, Health::fails, &CollectorState::health));
    if (failing > 0) return html(R"(<span class="badge bad">{} of {} failing</span>)", failing, states.size());
    if (std::ranges::count(states, Health::works, &CollectorState::health) == std::ssize(states))
        return html(R"(<span class="badge on">All working</span>)");
    return {};
}

// Failing collectors come first; the others keep their order.
Html list(const std::vector<CollectorState>& states, std::uint64_t now) {
    Html lines;
    for (const bool failing : {true, false})
        for (const auto& state : states)
            if ((state.health == Health::fails) == failing) lines += line_of(state, now);
    return html(R"(<p>Each reads one source of metrics. What one cannot read is missing from them, never wrong.</p>
<ul class="collectors">
{}</ul>)",
                lines);
}

Html unavailable(std::string_view why) {
    return html(
        R"(<div class="notice warning"><p class="notice-title">The metrics service does not say how they fare</p>{}</div>)",
        trouble(why));
}

}  // namespace

Html collectors_card(const util::Result<std::vector<CollectorState>>& collectors, std::uint64_t now) {
    return html(R"(<section class="card" aria-labelledby="collectors-title">
<div class="card-head"><h2 id="collectors-title">Collectors</h2>{}</div>
{}
<p class="hint">For details run on the server: <code>sudo ceymail-metrics --check</code></p>
</section>
)",
                collectors ? badge_of(*collectors) : Html(),
                collectors ? list(*collectors, now) : unavailable(collectors.error().message));
}

}  // namespace ceymail::page
