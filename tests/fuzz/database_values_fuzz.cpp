// SPDX-License-Identifier: MIT
// Values from a row and for a statement: to_number(), quote_name() and quote_text().
// fuzz: -max_len=128
#include <optional>
#include <string>

#include "ceymail/database/statement.hpp"
#include "fuzz/fuzz.hpp"

using ceymail::fuzz::require;

namespace {

std::optional<std::uint64_t> number_slowly(std::string_view text) {
    unsigned __int128 number = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        number = number * 10 + static_cast<unsigned>(c - '0');
        if (number > UINT64_MAX) return std::nullopt;
    }
    return text.empty() ? std::nullopt : std::optional(static_cast<std::uint64_t>(number));
}

// Reads quoted text like the server; no value where it ends early.
std::optional<std::string> unquote(std::string_view quoted, char quote, bool escapes) {
    require(quoted.size() >= 2 && quoted.front() == quote && quoted.back() == quote, "it is quoted");
    quoted = quoted.substr(1, quoted.size() - 2);
    std::string text;
    for (std::size_t at = 0; at < quoted.size(); ++at) {
        const bool doubled = quoted[at] == quote || (escapes && quoted[at] == '\\');
        if (doubled && (++at == quoted.size() || quoted[at] != quoted[at - 1])) return std::nullopt;
        text += quoted[at];
    }
    return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ceymail::database;
    const std::string text(ceymail::fuzz::text_of(data, size));
    const auto number = to_number(Cell(text), "reading");
    const auto want = number_slowly(text);
    require(number.has_value() == want.has_value() && (!want || *number == *want), "the number is the slow reading's");
    require(!to_number(Cell(), "reading"), "NULL is no number");
    require(unquote(quote_name(text), '`', false) == text, "a name stays within its backticks");
    require(unquote(quote_text(text), '\'', true) == text, "a text stays within its quotes");
    return 0;
}
