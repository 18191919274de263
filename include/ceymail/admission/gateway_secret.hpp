// SPDX-License-Identifier: MIT
// The gateway secret: ceymail-settings recognizes the web server by it.
#pragma once

#include <filesystem>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

// `ceymail-token init --settings` writes it to three files: one for the page, and one for each web server with a line
// of its configuration. Only root can read the latter. The web server sends it as parameter CEYMAIL_GATEWAY_SECRET.
struct GatewayFiles {
    std::filesystem::path page;    // the secret and a line break
    std::filesystem::path nginx;   // a fastcgi_param
    std::filesystem::path apache;  // a ProxyFCGISetEnvIf
};

// `page`: the value of settings_gateway_secret.
[[nodiscard]] GatewayFiles gateway_files(const std::filesystem::path& page);

// Returns: the secret in `file`.
// Errors: not_found, denied; invalid where the file contains anything but one secret. The message has the remedy.
[[nodiscard]] util::Result<util::Secret> read_gateway_secret(const std::filesystem::path& file);

}  // namespace ceymail::admission
