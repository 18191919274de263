// SPDX-License-Identifier: MIT
// parse_fields() and cookie_value() against slow parsers, octet by octet. The input: fields, line feed, a Cookie
// header. fuzz: -max_len=512
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ceymail/page/form.hpp"
#include "fuzz/fuzz.hpp"

using ceymail::fuzz::cut;
using ceymail::fuzz::require;

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == separator) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

std::optional<std::string> decode_slowly(const std::string& encoded) {
    constexpr std::string_view k_digits = "0123456789abcdef0123456789ABCDEF";
    std::string text;
    for (std::size_t at = 0; at < encoded.size(); ++at) {
        if (encoded[at] != '%') {
            text += encoded[at] == '+' ? ' ' : encoded[at];
            continue;
        }
        std::size_t octet = 0;
        for (int i = 0; i < 2; ++i) {
            if (++at == encoded.size() || k_digits.find(encoded[at]) == k_digits.npos) return std::nullopt;
            octet = octet * 16 + k_digits.find(encoded[at]) % 16;
        }
        text += static_cast<char>(octet);
    }
    return text;
}

std::optional<std::map<std::string, std::string>> fields_slowly(std::string_view encoded) {
    std::map<std::string, std::string> fields;
    for (const auto& pair : split(encoded, '&')) {
        if (pair.empty()) continue;
        const auto [name, value] = cut(pair, '=');
        const auto decoded_name = decode_slowly(std::string(name));
        const auto decoded_value = decode_slowly(std::string(value));
        if (!decoded_name || !decoded_value || fields.contains(*decoded_name) || fields.size() == 16)
            return std::nullopt;
        fields[*decoded_name] = *decoded_value;
    }
    return fields;
}

void check_fields(std::string_view encoded) {
    const auto got = ceymail::page::parse_fields(encoded);
    const auto want = fields_slowly(encoded);
    require(got.has_value() == want.has_value(), "what is refused is what the slow reading refuses");
    if (!got) return;
    require(got->size() == want->size(), "no field more and none less");
    for (const auto& [name, value] : *want) require(ceymail::page::field(*got, name) == value, "each has its value");
}

// A cookie that occurs once.
void check_cookie(std::string_view header) {
    std::vector<std::string> values;
    for (const auto& pair : split(header, ';')) {
        const auto trimmed = pair.substr(std::min(pair.find_first_not_of(' '), pair.size()));
        const auto [name, value] = cut(trimmed, '=');
        if (name == "ceymail_once") values.emplace_back(value);
    }
    const auto want = values.size() == 1 ? values.front() : std::string();
    require(ceymail::page::cookie_value(header, "ceymail_once") == want, "the one cookie, or none");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto [fields, cookie] = cut(ceymail::fuzz::text_of(data, size), '\n');
    check_fields(fields);
    check_cookie(cookie);
    return 0;
}
