// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/parameters.hpp"

#include <openssl/crypto.h>

#include <string>
#include <utility>

namespace ceymail::fastcgi {
namespace {

void read_parameter(std::string_view name, char* value, std::size_t size, Request& request) {
    const std::string_view text(value, size);
    const auto keep_first = [&](std::string& field) {
        if (field.empty()) field = text;
    };
    if (name == "REQUEST_METHOD") keep_first(request.method);
    if (name == "REQUEST_URI") keep_first(request.uri);
    if (name == "REMOTE_ADDR") keep_first(request.remote_addr);
    if (name == "HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS") keep_first(request.scrape_timeout);
    if (name == "HTTP_AUTHORIZATION") {
        if (request.authorization.empty()) request.authorization = util::Secret(text);
        OPENSSL_cleanse(value, size);
    }
}

}  // namespace

void read_parameters(char** environment, Request& request) {
    if (environment == nullptr) return;
    for (char** entry = environment; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == std::string_view::npos) continue;
        read_parameter(text.substr(0, equals), *entry + equals + 1, text.size() - equals - 1, request);
    }
}

}  // namespace ceymail::fastcgi
