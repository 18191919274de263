// SPDX-License-Identifier: MIT
#include "ceymail/admission/gateway_secret.hpp"

#include <string>
#include <string_view>
#include <utility>

#include <openssl/crypto.h>

#include "ceymail/admission/token_form.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::admission {
namespace {

constexpr std::string_view k_remedy = "run `ceymail-token init --settings`, then reload the web server";

std::filesystem::path beside(std::filesystem::path page, const char* ending) { return page += ending; }

}  // namespace

GatewayFiles gateway_files(const std::filesystem::path& page) {
    return {page, beside(page, ".nginx.conf"), beside(page, ".apache.conf")};
}

util::Result<util::Secret> read_gateway_secret(const std::filesystem::path& file) {
    auto text = util::read_file(file, 4096);
    if (!text) {
        text.error().message.append(text.error().kind == util::ErrorKind::not_found ? "; " : "; remove it and ");
        text.error().message.append(k_remedy);
        return std::unexpected(std::move(text.error()));
    }
    std::string_view line = *text;
    if (line.ends_with('\n')) line.remove_suffix(1);
    util::Secret secret(is_secret(line) ? line : std::string_view());
    OPENSSL_cleanse(text->data(), text->size());
    if (secret.empty())
        return util::fail(util::ErrorKind::invalid,
                          file.string() + " holds no gateway secret; remove it and " + std::string(k_remedy));
    return secret;
}

}  // namespace ceymail::admission
