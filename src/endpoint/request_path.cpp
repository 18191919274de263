// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/request_path.hpp"

#include "ceymail/util/text.hpp"

namespace ceymail::endpoint {

std::string_view request_path(std::string_view request_uri) noexcept {
    const auto path = request_uri.substr(0, request_uri.find('?'));
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!util::equals_ignoring_case(path.substr(0, scheme.size()), scheme)) continue;
        const auto slash = path.find('/', scheme.size());
        return slash == path.npos ? std::string_view("/") : path.substr(slash);
    }
    return path;
}

}  // namespace ceymail::endpoint
