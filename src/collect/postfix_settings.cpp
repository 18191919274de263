// SPDX-License-Identifier: MIT
#include "ceymail/collect/postfix_settings.hpp"

#include <algorithm>

#include "ceymail/util/text.hpp"

namespace ceymail::collect {

namespace {

constexpr int k_most_depth = 10;
constexpr int k_most_references = 1000;             // in one value, those inside other values too
constexpr std::size_t k_fields_before_command = 7;  // service type private unpriv chroot wakeup maxproc

// Lines without comments and empty ones, each with the lines that begin with a blank and continue it.
std::vector<std::string> logical_lines(std::string_view text) {
    std::vector<std::string> lines;
    for (const auto line : util::lines_of(text)) {
        const auto words = util::trimmed(line);
        if (words.empty() || words.front() == '#') continue;
        const bool continues = line.front() == ' ' || line.front() == '\t';
        if (continues && !lines.empty()) {
            lines.back().append(" ").append(words);
        } else {
            lines.emplace_back(words);
        }
    }
    return lines;
}

struct Setting {
    std::string_view name, value;
};

// "name = value", also "{ name = value }" as master.cf allows.
Setting setting_of(std::string_view text) {
    text = util::trimmed(text);
    if (text.starts_with('{') && text.ends_with('}')) text = util::trimmed(text.substr(1, text.size() - 2));
    const auto equals = text.find('=');
    if (equals == text.npos) return {};
    return {util::trimmed(text.substr(0, equals)), util::trimmed(text.substr(equals + 1))};
}

// Takes the next word off the front; one in braces is taken whole.
std::string_view take_word(std::string_view& line) {
    line = util::trimmed(line);
    auto end = std::min(line.find_first_of(" \t"), line.size());
    if (line.starts_with('{')) {
        int depth = 0;
        for (end = 0; end < line.size(); ++end) {
            if (line[end] == '{') ++depth;
            if (line[end] == '}' && --depth == 0) break;
        }
        end = std::min(end + 1, line.size());
    }
    const auto word = line.substr(0, end);
    line.remove_prefix(end);
    return word;
}

PostfixSettings::Service service_of(std::string_view line) {
    const auto name = take_word(line);
    const auto type = take_word(line);
    for (std::size_t field = 2; field < k_fields_before_command; ++field) take_word(line);
    PostfixSettings::Service service{.name = std::string(name) + "/" + std::string(type),
                                     .command = std::string(take_word(line))};
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
        if (!word.starts_with("-o")) continue;
        const auto [key, value] = setting_of(word == "-o" ? take_word(line) : word.substr(2));
        if (!key.empty()) service.overrides[std::string(key)] = value;
    }
    return service;
}

bool is_of_name(char c) { return util::is_alphanumeric(c) || c == '_'; }

// The name behind a '$', and how many characters it takes with its brackets; 0: no plain name.
struct Reference {
    std::string_view name;
    std::size_t length = 0;
};

Reference reference_at(std::string_view text) {
    const char close = text.starts_with('{') ? '}' : text.starts_with('(') ? ')' : '\0';
    const std::size_t begin = close == '\0' ? 0 : 1;
    auto end = begin;
    while (end < text.size() && is_of_name(text[end])) ++end;
    if (end == begin || (close != '\0' && (end == text.size() || text[end] != close))) return {};
    return {text.substr(begin, end - begin), end + begin};
}

}  // namespace

PostfixSettings PostfixSettings::parse(std::string_view main_cf, std::string_view master_cf) {
    PostfixSettings settings;
    for (const auto& line : logical_lines(main_cf)) {
        const auto [name, value] = setting_of(line);
        if (!name.empty()) settings.m_main[std::string(name)] = value;
    }
    for (const auto& line : logical_lines(master_cf)) settings.m_services.push_back(service_of(line));
    return settings;
}

std::string PostfixSettings::raw(const Service& service, std::string_view name) const {
    if (const auto found = service.overrides.find(name); found != service.overrides.end()) return found->second;
    const auto found = m_main.find(name);
    return found == m_main.end() ? std::string() : found->second;
}

std::string PostfixSettings::expanded(const Service& service, std::string_view text, int depth, int& references) const {
    std::string result;
    while (!text.empty()) {
        const auto plain = text.substr(0, text.find('$'));
        result += plain;
        text.remove_prefix(plain.size());
        if (text.empty()) break;
        const auto [name, length] = reference_at(text.substr(1));
        if (length == 0 || depth == k_most_depth || ++references > k_most_references) return result.append(text);
        result += expanded(service, raw(service, name), depth + 1, references);
        text.remove_prefix(1 + length);
    }
    return result;
}

std::string PostfixSettings::value(const Service& service, std::string_view name) const {
    int references = 0;
    return expanded(service, raw(service, name), 0, references);
}

}  // namespace ceymail::collect
