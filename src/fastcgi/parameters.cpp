// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/parameters.hpp"

#include <openssl/crypto.h>

#include <array>
#include <bitset>
#include <span>
#include <string_view>

namespace ceymail::fastcgi {
namespace {

struct Parameter {
    std::string_view name;
    void (*store)(Request& request, std::span<char> value);
};

template <std::string Request::* field>
void store_text(Request& request, std::span<char> value) {
    (request.*field).assign(value.data(), value.size());
}

void store_authorization(Request& request, std::span<char> value) {
    request.authorization.assign({value.data(), value.size()});
    OPENSSL_cleanse(value.data(), value.size());
}

constexpr std::array k_parameters = {
    Parameter{"REQUEST_METHOD", store_text<&Request::method>},
    Parameter{"REQUEST_URI", store_text<&Request::uri>},
    Parameter{"REMOTE_ADDR", store_text<&Request::remote_addr>},
    Parameter{"HTTP_AUTHORIZATION", store_authorization},
    Parameter{"HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", store_text<&Request::scrape_timeout>},
    Parameter{"SERVER_SOFTWARE", store_text<&Request::server_software>},
};

}  // namespace

Request read_parameters(char** environment) {
    Request request;
    read_parameters(environment, request);
    return request;
}

void read_parameters(char** environment, Request& request) {
    request.clear();
    std::bitset<k_parameters.size()> seen;
    for (char** entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::string_view name = text.substr(0, text.find('='));
        if (name.size() == text.size()) continue;
        for (std::size_t i = 0; i < k_parameters.size(); ++i) {
            if (name != k_parameters[i].name) continue;
            request.malformed = request.malformed || seen[i];
            seen[i] = true;
            k_parameters[i].store(request, {*entry + name.size() + 1, text.size() - name.size() - 1});
        }
    }
}

}  // namespace ceymail::fastcgi
