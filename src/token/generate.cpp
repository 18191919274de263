// SPDX-License-Identifier: MIT
// ceymail-token generate: replaces the active token.
#include <sysexits.h>
#include <unistd.h>

#include "ceymail/admission/token_form.hpp"
#include "ceymail/database/token_registry.hpp"
#include "ceymail/token/cli_support.hpp"
#include "ceymail/token/commands.hpp"
#include "ceymail/token/secret_file.hpp"
#include "ceymail/util/hex.hpp"

namespace ceymail::token {
namespace {

// Called before the database stores the digest, so that no token becomes active that cannot be handed out.
util::Result<std::optional<SecretFile>> write_output(const Options& options, const util::Secret& token) {
    if (options.output.empty()) return std::nullopt;
    CEYMAIL_TRY_ASSIGN(auto file,
                       SecretFile::make(options.output, options.force ? Existing::replace : Existing::refuse));
    CEYMAIL_TRY(file.write({token.reveal(), "\n"}));
    return file;
}

// Prints the token, unless it is in a file, and then `line`; or the answer in JSON, which ends with `members`.
util::Result<void> show(const Options& options, const util::Secret& token, const std::string& members,
                        const std::string& line) {
    const bool in_file = !options.output.empty();
    const std::string name = json(options.output.string());
    std::vector<std::string_view> parts{line};
    if (!options.json && !in_file) parts = {token.reveal(), "\n", line};
    if (options.json && in_file) parts = {"{\"file\":", name, members, "}\n"};
    if (options.json && !in_file) parts = {"{\"token\":\"", token.reveal(), "\"", members, "}\n"};
    return write_all(STDOUT_FILENO, parts, "standard output");
}

void report_place(const Options& options, const std::optional<SecretFile>& file) {
    if (!file) return print_message("this is the only time that it is shown: copy it to Prometheus now");
    const auto name = options.output.string();
    print_message(
        "it is in " + name +
        (file->replaces() ? ", with owner, group and mode of the file before" : ", readable by its owner only"));
    if (file->open_to_others())
        print_message("warning: " + name + " is open to others, as it was before; run: chmod o= " + name);
}

void report_made(const Options& options, const database::Replacement& made, const std::optional<SecretFile>& file) {
    print_message("token " + std::to_string(made.id) + " is active" +
                  (made.replaced ? "; token " + std::to_string(*made.replaced) + " is revoked" : std::string()));
    report_place(options, file);
}

int report_not_made(const Options& options, const util::Error& error, std::optional<SecretFile>& file) {
    const int code = report_error(error, options);
    if (error.code != database::k_in_doubt || !file) return code;
    const auto written = file->release().string();
    print_message("the new token is in " + written +
                  ": if `ceymail-token status` shows a token made just now, run: mv " + written + " " +
                  options.output.string() + "; if it does not, run: rm " + written);
    return code;
}

int report_file_error(const util::Error& error) {
    print_message(error.message);
    return EX_CANTCREAT;
}

}  // namespace

int generate(const Options& options, const config::Configuration& configuration) {
    auto token = admission::make_token();
    if (!token) return report_error(token.error());
    auto file = write_output(options, *token);
    if (!file) return report_file_error(file.error());

    const auto forget = [&] { return forget_remembered_token(configuration); };
    // A signal between COMMIT and the rename of the file would leave an active token that no one knows.
    const auto last_step = [&]() -> util::Result<void> {
        auto forgotten = forget();
        if (forgotten) hold_signals();
        return forgotten;
    };
    database::Connection connection(administrator(options, configuration));
    database::TokenRegistry registry(connection, configuration.database_dashboard,
                                     workers_account(options, configuration));
    const auto made = registry.replace(util::sha256(token->reveal()), invoking_user(), last_step, command_deadline());
    if (!made) return report_not_made(options, made.error(), *file);
    const auto forgotten =
        forget();  // again: a request may have stored the old token between the first call and COMMIT

    const std::string active = "token " + std::to_string(made->id) + " is active";
    if (*file)
        if (auto kept = (*file)->keep(); !kept) {
            print_message(active);
            return report_file_error(kept.error());
        }
    const std::string ids = R"(,"id":)" + std::to_string(made->id) + R"(,"replaced_id":)" + json(made->replaced);
    if (auto shown = show(options, *token, ids, ""); !shown) {
        print_message(shown.error().message);
        print_message(active +
                      (*file ? ", and in " + options.output.string() : ", but was not shown: generate another"));
        return EX_IOERR;
    }
    report_made(options, *made, *file);
    if (made->replaced) explain_cluster(connection, configuration);
    return forgotten ? EX_OK : report_error(forgotten.error());
}

int generate_detached(const Options& options) {
    auto token = admission::make_token();
    if (!token) return report_error(token.error());
    const std::string digest = util::to_hex(util::sha256(token->reveal()));
    auto file = write_output(options, *token);
    if (!file) return report_file_error(file.error());
    if (*file)
        if (auto kept = (*file)->keep(); !kept) return report_file_error(kept.error());

    if (auto shown = show(options, *token, R"(,"sha256":")" + digest + '"', digest + "\n"); !shown) {
        print_message(shown.error().message);
        return EX_IOERR;
    }
    print_message("no host accepts this token yet: give its SHA-256, the last line, to ceymail-token adopt on each");
    report_place(options, *file);
    return EX_OK;
}

}  // namespace ceymail::token
