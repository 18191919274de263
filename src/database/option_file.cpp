// SPDX-License-Identifier: MIT
// Source: "Configuring MariaDB Connector/C with option files". tests/component/option_file_test.cpp compares the
// results with the library's.
#include "ceymail/database/option_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::database {
namespace {

constexpr std::array<std::string_view, 3> k_groups{"client", "client-server", "client-mariadb"};

bool is_password(std::string_view key) { return key == "password" || key == "passwd"; }
bool is_quote(char c) { return c == '"' || c == '\''; }

// Like the library: an opening quote needs no closing one, and the two may differ.
std::string_view unquoted(std::string_view value) {
    if (value.empty() || !is_quote(value.front())) return value;
    value.remove_prefix(1);
    if (!value.empty() && is_quote(value.back())) value.remove_suffix(1);
    return value;
}

char unescaped(char c) {
    constexpr std::array<std::pair<char, char>, 8> k_escapes{
        {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'b', '\b'}, {'s', ' '}, {'"', '"'}, {'\'', '\''}, {'\\', '\\'}}};
    const auto* const found = std::ranges::find(k_escapes, c, &std::pair<char, char>::first);
    return found == k_escapes.end() ? '\0' : found->second;
}

util::Secret value_of(std::string_view text) {
    const auto value = unquoted(util::trimmed(text));
    std::string plain;
    plain.reserve(value.size());  // so that growing leaves no copy in memory
    for (std::size_t at = 0; at < value.size(); ++at) {
        const char escape = value[at] == '\\' && at + 1 < value.size() ? unescaped(value[at + 1]) : '\0';
        plain += escape != '\0' ? escape : value[at];
        if (escape != '\0') ++at;
    }
    util::Secret secret(plain);
    OPENSSL_cleanse(plain.data(), plain.size());
    return secret;
}

util::Result<util::Secret> parse_password(std::string_view option_file, const std::string& file_name) {
    bool in_group = false;
    bool any_group = false;
    util::Secret password;
    for (const auto whole_line : util::lines_of(option_file)) {
        const auto line = util::trimmed(whole_line);
        if (line.empty() || line.front() == '#' || line.front() == ';' || line.front() == '!' || is_quote(line.front()))
            continue;
        const auto equals = line.find('=');
        if (line.front() == '[') {
            any_group = true;
            const auto close = line.find(']');
            if (close == line.npos) break;
            const auto name = util::trimmed(line.substr(0, close)).substr(1);  // keeps a blank after the bracket
            in_group = std::ranges::find(k_groups, name) != k_groups.end();
        } else if (!any_group) {
            break;  // the library stops at a setting outside of a group
        } else if (in_group && equals != line.npos && is_password(util::trimmed(line.substr(0, equals)))) {
            password = value_of(line.substr(equals + 1));
        }
    }
    if (password.empty())
        return util::fail(util::ErrorKind::invalid, file_name +
                                                        " has no password in its [client] group; add a line "
                                                        "password=..., or remove the file to have one made");
    return password;
}

}  // namespace

util::Result<void> check_private_file(const std::filesystem::path& file, std::string_view key) {
    const std::string name = std::string(key) + " " + file.string();
    const util::Fd opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat status{};
    if (!opened || ::fstat(opened.get(), &status) != 0)
        return util::fail_errno(errno, "cannot read " + name, "it must be readable by the user that connects");
    if (!S_ISREG(status.st_mode)) return util::fail(util::ErrorKind::invalid, name + " is no regular file");
    if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0)
        return util::fail(util::ErrorKind::denied,
                          name + " holds a secret but is open to others; run: chmod 600 " + file.string());
    return {};
}

util::Result<util::Secret> read_password(const std::filesystem::path& file, std::string_view key) {
    CEYMAIL_TRY(check_private_file(file, key));
    auto text = util::read_file(file);  // not moved: the original is wiped
    if (!text) return std::unexpected(std::move(text.error()));
    auto password = parse_password(*text, file.string());
    OPENSSL_cleanse(text->data(), text->size());
    return password;
}

}  // namespace ceymail::database
