// SPDX-License-Identifier: MIT
#include "ceymail/database/identifier.hpp"

namespace ceymail::database {
namespace {

std::string quoted(std::string_view text, char quote, bool escapes) {
    std::string result(1, quote);
    for (const char c : text) {
        if (c == quote || (escapes && c == '\\')) result += c;
        result += c;
    }
    return result += quote;
}

}  // namespace

std::string quote_name(std::string_view name) { return quoted(name, '`', false); }
std::string quote_text(std::string_view text) { return quoted(text, '\'', true); }

}  // namespace ceymail::database
