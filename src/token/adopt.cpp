// SPDX-License-Identifier: MIT
// ceymail-token adopt: makes a token that another host made the active one, by its SHA-256.
#include <array>
#include <cerrno>
#include <optional>

#include <openssl/crypto.h>
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/admission/token_digest.hpp"
#include "ceymail/admission/token_form.hpp"
#include "ceymail/database/token_registry.hpp"
#include "ceymail/token/cli_support.hpp"
#include "ceymail/token/commands.hpp"
#include "ceymail/util/hex.hpp"
#include "ceymail/util/text.hpp"

namespace ceymail::token {
namespace {

using Input = std::array<char, 512>;

// Returns: the length; k_too_long: there is more. A digest and white space are never that long.
constexpr std::size_t k_too_long = std::tuple_size_v<Input>;

util::Result<std::size_t> read_input(Input& input) {
    std::size_t size = 0;
    while (size < input.size()) {
        const ssize_t got = ::read(STDIN_FILENO, input.data() + size, input.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return util::fail_errno(errno, "cannot read standard input");
        if (got == 0) break;
        size += static_cast<std::size_t>(got);
    }
    return size;
}

std::string refusal(std::string_view text, bool too_long) {
    if (text.starts_with(admission::k_token_prefix) && !too_long)
        return "standard input has a token, and must have the SHA-256 of one: the last line that ceymail-token "
               "generate --detached prints. Nothing was changed; the token was not stored or logged";
    return "standard input must have the SHA-256 of a token, 64 hexadecimal digits and nothing else, as ceymail-token "
           "generate --detached prints it; nothing was changed";
}

// Prints what is wrong. Security: the input may be a token by mistake, so it is wiped and never printed.
std::optional<util::Digest> read_digest(int& code) {
    if (::isatty(STDIN_FILENO) == 1) print_message("type the 64 digits of the token's SHA-256, then Enter and Ctrl-D");
    Input input{};
    const auto size = read_input(input);
    if (!size) {
        code = report_error(size.error());
        return std::nullopt;
    }
    const auto text = util::trimmed({input.data(), *size});
    const auto digest = *size == k_too_long ? std::nullopt : admission::parse_digest(text);
    if (!digest) {
        print_message(refusal(text, *size == k_too_long));
        code = EX_DATAERR;
    }
    OPENSSL_cleanse(input.data(), input.size());
    return digest;
}

int report(const Options& options, const database::Adoption& adopted, const std::string& digest) {
    if (options.json)
        return answer(R"({"id":)" + std::to_string(adopted.id) + R"(,"sha256_begins":)" + json(digest) +
                      R"(,"changed":)" + (adopted.was_active ? "false" : "true") + R"(,"replaced_id":)" +
                      json(adopted.replaced) + "}");
    const std::string token = "token " + std::to_string(adopted.id) + ", SHA-256 " + digest + "...,";
    print_message(
        adopted.was_active
            ? token + " is active already; nothing was changed"
            : token + " is active" +
                  (adopted.replaced ? "; token " + std::to_string(*adopted.replaced) + " is revoked" : std::string()));
    return EX_OK;
}

}  // namespace

int adopt(const Options& options, const config::Configuration& configuration) {
    int code = EX_OK;
    const auto digest = read_digest(code);
    if (!digest) return code;
    const auto forget = [&] { return forget_remembered_token(configuration); };
    database::Connection connection(administrator(options, configuration));
    database::TokenRegistry registry(connection, configuration.database_dashboard,
                                     workers_account(options, configuration));
    const auto of_revoked = options.force ? database::OfRevokedToken::accept : database::OfRevokedToken::refuse;
    const auto adopted = registry.adopt(*digest, of_revoked, invoking_user(), forget, command_deadline());
    if (!adopted) {
        if (adopted.error().code == database::k_revoked_before) {
            print_message(adopted.error().message);
            return EX_DATAERR;
        }
        return report_error(adopted.error(), options);
    }
    // Again: a request may have stored the old token between the first call and COMMIT.
    const auto forgotten = adopted->was_active ? util::Result<void>{} : forget();
    code = report(options, *adopted, util::to_hex(*digest).substr(0, 8));
    if (adopted->replaced) explain_cluster(connection, configuration);
    return forgotten ? code : report_error(forgotten.error());
}

}  // namespace ceymail::token
