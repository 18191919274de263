// SPDX-License-Identifier: MIT
#include "ceymail/endpoint/request_path.hpp"

#include <algorithm>

namespace ceymail::endpoint {

namespace {

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool starts_with_scheme(std::string_view uri, std::string_view scheme) noexcept {
    return uri.size() >= scheme.size() &&
           std::equal(scheme.begin(), scheme.end(), uri.begin(), [](char a, char b) { return a == lower(b); });
}

std::string_view behind_authority(std::string_view rest) noexcept {
    const auto slash = rest.find('/');
    return slash == std::string_view::npos ? std::string_view{"/"} : rest.substr(slash);
}

}  // namespace

std::string_view request_path(std::string_view request_uri) noexcept {
    const auto path = request_uri.substr(0, request_uri.find('?'));
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (starts_with_scheme(path, scheme)) return behind_authority(path.substr(scheme.size()));
    }
    return path;
}

}  // namespace ceymail::endpoint
