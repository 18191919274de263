// SPDX-License-Identifier: MIT
#include "ceymail/snapshot/collector_state.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace ceymail::snapshot {

namespace {

constexpr std::array<const char*, 3> k_healths{"works", "fails", "waits"};  // in the order of Health

bool is_control(char c) noexcept { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

bool is_name(std::string_view text) noexcept {
    return !text.empty() && text.size() <= k_longest_name &&
           std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

bool is_trouble(std::string_view text) noexcept {
    return text.size() <= k_longest_trouble && std::ranges::none_of(text, is_control);
}

std::string_view trouble_of(const CollectorState& state) noexcept {
    if (state.health != Health::fails) return {};
    return state.trouble.empty() ? std::string_view("it does not say why") : state.trouble;
}

std::string one_line(std::string_view text) {
    std::string line(text.substr(0, k_longest_trouble));
    std::ranges::replace_if(line, is_control, ' ');
    return line;
}

// Removes the text before the first `separator`, and the separator. Returns: that text; none without a separator.
std::optional<std::string_view> take(std::string_view& text, char separator) noexcept {
    const auto end = text.find(separator);
    if (end == text.npos) return std::nullopt;
    const auto taken = text.substr(0, end);
    text.remove_prefix(end + 1);
    return taken;
}

std::optional<Health> parse_health(std::string_view word) noexcept {
    const auto* const found = std::ranges::find(k_healths, word);
    return found == k_healths.end() ? std::nullopt : std::optional(static_cast<Health>(found - k_healths.begin()));
}

std::optional<std::uint64_t> parse_seconds(std::string_view digits) noexcept {
    std::uint64_t seconds = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
    if (error != std::errc() || end != digits.data() + digits.size() || seconds > k_most_seconds) return std::nullopt;
    return seconds;
}

std::optional<CollectorState> parse_line(std::string_view line) {
    const auto name = take(line, '\t');
    const auto health = parse_health(take(line, '\t').value_or(""));
    const auto seconds = parse_seconds(take(line, '\t').value_or(""));
    if (!name || !is_name(*name) || !health || !seconds || !is_trouble(line)) return std::nullopt;
    if ((*health == Health::fails) == line.empty()) return std::nullopt;
    return CollectorState{std::string(*name), *health, *seconds, std::string(line)};
}

}  // namespace

std::string to_text(const std::vector<CollectorState>& states) {
    std::string text;
    for (const auto& state : states) {
        text += state.name + '\t' + k_healths.at(static_cast<std::size_t>(state.health)) + '\t' +
                std::to_string(std::min(state.seconds, k_most_seconds)) + '\t' + one_line(trouble_of(state)) + '\n';
    }
    return text;
}

util::Result<std::vector<CollectorState>> from_text(std::string_view text) {
    std::vector<CollectorState> states;
    while (!text.empty()) {
        const auto line = take(text, '\n');
        auto state = line ? parse_line(*line) : std::nullopt;
        if (!state || states.size() == k_most_collectors)
            return util::fail(util::ErrorKind::invalid,
                              "what the metrics service says of its collectors is malformed; are both programs of one "
                              "version? restart ceymail-metrics and ceymail-settings");
        states.push_back(std::move(*state));
    }
    return states;
}

}  // namespace ceymail::snapshot
