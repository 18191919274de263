// SPDX-License-Identifier: MIT
// The gateway secret: how ceymail-settings tells the web server from any other process that reaches its socket.
#pragma once

#include <filesystem>

#include "ceymail/util/result.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::admission {

// `ceymail-token init --settings` makes it in three files: for the page alone, and for each web server as a line of
// its configuration, which only root can read. The web server passes it as the parameter CEYMAIL_GATEWAY_SECRET.
struct GatewayFiles {
    std::filesystem::path page;    // the secret and a line break
    std::filesystem::path nginx;   // a fastcgi_param
    std::filesystem::path apache;  // a ProxyFCGISetEnvIf
};
// `page`: the value of settings_gateway_secret.
[[nodiscard]] GatewayFiles gateway_files(const std::filesystem::path& page);

// The secret in `file`. Errors: not_found, denied; invalid where the file holds anything else than one secret. Each
// names the remedy.
[[nodiscard]] util::Result<util::Secret> read_gateway_secret(const std::filesystem::path& file);

}  // namespace ceymail::admission
