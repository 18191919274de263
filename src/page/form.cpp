// SPDX-License-Identifier: MIT
#include "ceymail/page/form.hpp"

#include <charconv>

namespace ceymail::page {
namespace {

constexpr std::size_t k_most_fields = 16;

std::optional<std::string> decode(std::string_view encoded) {
    std::string text;
    for (std::size_t at = 0; at < encoded.size(); ++at) {
        if (encoded[at] != '%') {
            text += encoded[at] == '+' ? ' ' : encoded[at];
            continue;
        }
        unsigned char octet = 0;
        const char* const digits = encoded.data() + at + 1;
        if (at + 2 >= encoded.size() || std::from_chars(digits, digits + 2, octet, 16).ptr != digits + 2)
            return std::nullopt;
        text += static_cast<char>(octet);
        at += 2;
    }
    return text;
}

}  // namespace

std::string_view take_until(std::string_view& text, char separator) {
    const auto end = text.find(separator);
    const auto part = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return part;
}

std::optional<Fields> parse_fields(std::string_view encoded) {
    Fields fields;
    while (!encoded.empty()) {
        auto pair = take_until(encoded, '&');
        if (pair.empty()) continue;
        auto name = decode(take_until(pair, '='));
        auto value = decode(pair);
        if (!name || !value || fields.size() == k_most_fields) return std::nullopt;
        if (!fields.emplace(std::move(*name), std::move(*value)).second) return std::nullopt;
    }
    return fields;
}

std::string_view field(const Fields& fields, std::string_view name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view() : found->second;
}

std::string_view cookie_value(std::string_view header, std::string_view name) {
    std::optional<std::string_view> found;
    while (!header.empty()) {
        auto pair = take_until(header, ';');
        while (pair.starts_with(' ')) pair.remove_prefix(1);
        if (take_until(pair, '=') != name) continue;
        if (found) return {};  // another site may have set one of them
        found = pair;
    }
    return found.value_or(std::string_view());
}

}  // namespace ceymail::page
