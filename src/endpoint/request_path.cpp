// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/request_path.hpp"

#include "ceymail/util/text.hpp"

namespace ceymail::endpoint {

namespace {

std::string_view behind_authority(std::string_view rest) noexcept {
    const auto slash = rest.find('/');
    return slash == std::string_view::npos ? std::string_view{"/"} : rest.substr(slash);
}

}  // namespace

std::string_view request_path(std::string_view request_uri) noexcept {
    const auto path = request_uri.substr(0, request_uri.find('?'));
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (util::equals_ignoring_case(path.substr(0, scheme.size()), scheme))
            return behind_authority(path.substr(scheme.size()));
    }
    return path;
}

}  // namespace ceymail::endpoint
