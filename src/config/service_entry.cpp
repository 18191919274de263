// SPDX-License-Identifier: MIT
#include "ceymail/config/service_entry.hpp"

#include <algorithm>
#include <array>
#include <sstream>

namespace ceymail::config {

namespace {

using util::ErrorKind;

constexpr std::string_view k_suffix = ".service";
constexpr std::array<std::string_view, 10> k_other_suffixes{".socket", ".target", ".timer", ".mount", ".automount",
                                                            ".swap",   ".path",   ".slice", ".scope", ".device"};
constexpr std::string_view k_name_letters = "abcdefghijklmnopqrstuvwxyz0123456789-";
constexpr std::string_view k_unit_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@";
constexpr std::string_view k_process_letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+*";
constexpr std::size_t k_max_unit_name = 255;
constexpr std::size_t k_max_name = 64;
constexpr std::size_t k_max_process_name = 64;
constexpr std::size_t k_max_words = 16;

bool consists_of(std::string_view word, std::string_view letters) {
    return !word.empty() && word.find_first_not_of(letters) == std::string_view::npos;
}

bool is_other_unit(std::string_view word) {
    return std::ranges::any_of(k_other_suffixes, [&](std::string_view suffix) { return word.ends_with(suffix); });
}

util::Result<void> add_word(ServiceEntry& entry, const std::string& word) {
    if (word.ends_with(k_suffix)) {
        if (!is_service_unit_name(word) && !is_service_unit_pattern(word))
            return util::fail(ErrorKind::invalid, word + " is no name of a unit that systemd can load");
        entry.units.push_back(word);
        return {};
    }
    if (is_other_unit(word)) return util::fail(ErrorKind::invalid, word + " is a unit, but none of a service");
    if (word.find('/') != std::string::npos)
        return util::fail(ErrorKind::invalid, word + " is a path, where the name of a process alone is wanted");
    if (!is_process_pattern(word))
        return util::fail(ErrorKind::invalid, word + " is neither a unit nor the name of a process");
    entry.processes.push_back(word);
    return {};
}

}  // namespace

util::Result<void> check_entry_name(const std::string& name) {
    if (consists_of(name, k_name_letters) && name.size() <= k_max_name) return {};
    return util::fail(ErrorKind::invalid, name + " is no name of a-z, 0-9 and '-' with up to " +
                                              std::to_string(k_max_name) + " characters");
}

util::Result<ServiceEntry> parse_service_entry(const std::string& value) {
    std::istringstream words(value);
    ServiceEntry entry;
    words >> entry.name;
    CEYMAIL_TRY(check_entry_name(entry.name));
    std::size_t count = 0;
    for (std::string word; words >> word;) {
        if (++count > k_max_words)
            return util::fail(ErrorKind::invalid, "more than " + std::to_string(k_max_words) + " units and processes");
        CEYMAIL_TRY(add_word(entry, word));
    }
    if (entry.units.empty()) return util::fail(ErrorKind::invalid, "it names no unit; a unit ends in .service");
    return entry;
}

bool is_service_unit_name(const std::string& name) {
    if (name.size() > k_max_unit_name || !name.ends_with(k_suffix)) return false;
    const std::string_view stem{name.data(), name.size() - k_suffix.size()};
    if (stem.starts_with('@') || stem.ends_with('@')) return false;  // a template cannot be loaded
    return consists_of(stem, k_unit_letters);
}

bool is_service_unit_pattern(const std::string& name) {
    if (name.starts_with('*') || name.find('*') == std::string::npos) return false;
    std::string example = name;
    std::ranges::replace(example, '*', 'x');
    return is_service_unit_name(example);
}

bool is_process_pattern(std::string_view name) {
    return consists_of(name, k_process_letters) && !name.starts_with('*') && name.size() <= k_max_process_name;
}

// Not fnmatch(3), because a unit name may contain a backslash. Each step back is to the last '*'.
bool matches(std::string_view pattern, std::string_view name) {
    std::size_t p = 0, n = 0, star = std::string_view::npos, after_star = 0;
    while (n < name.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            after_star = n;
        } else if (p < pattern.size() && pattern[p] == name[n]) {
            ++p;
            ++n;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            n = ++after_star;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

}  // namespace ceymail::config
