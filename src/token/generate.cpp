// SPDX-License-Identifier: MIT
// ceymail-token generate.
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/database/token_registry.hpp"
#include "ceymail/gate/new_token.hpp"
#include "ceymail/token/commands.hpp"
#include "ceymail/token/secret_file.hpp"
#include "ceymail/token/surroundings.hpp"

namespace ceymail::token {
namespace {

// Made and filled before the database learns of the token: a token that could not be handed out is never active.
util::Result<std::optional<SecretFile>> write_output(const Options& options, const util::Secret& token) {
    if (options.output.empty()) return std::nullopt;
    auto file = SecretFile::make(options.output, options.force ? Existing::replace : Existing::refuse);
    if (!file) return std::unexpected(std::move(file.error()));
    if (auto written = file->write({token.reveal(), "\n"}); !written)
        return std::unexpected(std::move(written.error()));
    return std::move(*file);
}

util::Result<void> hand_out(const Options& options, const util::Secret& token, const database::Replacement& made,
                            std::optional<SecretFile>& file) {
    if (file)
        if (auto kept = file->keep(); !kept) return kept;
    const std::string tail =
        R"(","id":)" + std::to_string(made.id) + R"(,"replaced_id":)" + json(made.replaced) + "}\n";
    constexpr std::string_view k_where = "standard output";
    if (options.json && file)
        return write_all(STDOUT_FILENO, {"{\"file\":", json(options.output.string()), std::string_view(tail).substr(1)},
                         k_where);
    if (options.json) return write_all(STDOUT_FILENO, {"{\"token\":\"", token.reveal(), tail}, k_where);
    if (!file) return write_all(STDOUT_FILENO, {token.reveal(), "\n"}, k_where);
    return {};
}

void say_what_was_made(const Options& options, const database::Replacement& made) {
    say("token " + std::to_string(made.id) + " is active" +
        (made.replaced ? "; token " + std::to_string(*made.replaced) + " is revoked" : std::string()));
    say(options.output.empty() ? "this is the only time that it is shown: copy it to Prometheus now"
                               : "it is in " + options.output.string() + ", readable by its owner only");
}

int file_problem(const util::Error& error) {
    say(error.message);
    return EX_CANTCREAT;
}

}  // namespace

int generate(const Options& options, const config::Configuration& configuration) {
    auto token = gate::make_token();
    if (!token) return explain(token.error());
    auto file = write_output(options, *token);
    if (!file) return file_problem(file.error());

    const auto forget = [&]() -> util::Result<void> {
        if (auto forgotten = forget_remembered_token(configuration); !forgotten)
            return std::unexpected(std::move(forgotten.error()));
        return {};
    };
    database::Connection connection(administrator(options, configuration));
    database::TokenRegistry registry(connection, configuration.database_dashboard,
                                     workers_account(options, configuration));
    const auto made = registry.replace(util::sha256(token->reveal()), who_am_i(), forget, command_deadline());
    if (!made) return explain(made.error(), options);
    const auto forgotten = forget();  // once more: a request may have been remembered between that and COMMIT

    if (auto handed_out = hand_out(options, *token, *made, *file); !handed_out) {
        say(handed_out.error().message);
        say("token " + std::to_string(made->id) + " is active, but nobody knows it: generate another");
        return EX_IOERR;
    }
    say_what_was_made(options, *made);
    return forgotten ? EX_OK : explain(forgotten.error());
}

}  // namespace ceymail::token
