// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/parameters.hpp"

#include <openssl/crypto.h>

#include <array>
#include <bitset>
#include <span>
#include <string_view>

namespace ceymail::fastcgi {
namespace {

template <class AnyRequest>
struct Parameter {
    std::string_view name;
    void (*store)(AnyRequest& request, std::span<char> value);
};

template <auto field, class AnyRequest>
void store_text(AnyRequest& request, std::span<char> value) {
    (request.*field).assign(value.data(), value.size());
}

void store_authorization(Request& request, std::span<char> value) {
    request.authorization.assign({value.data(), value.size()});
    OPENSSL_cleanse(value.data(), value.size());
}

constexpr std::array k_of_endpoint = {
    Parameter<Request>{"REQUEST_METHOD", store_text<&Request::method>},
    Parameter<Request>{"REQUEST_URI", store_text<&Request::uri>},
    Parameter<Request>{"REMOTE_ADDR", store_text<&Request::remote_addr>},
    Parameter<Request>{"HTTP_AUTHORIZATION", store_authorization},
    Parameter<Request>{"HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", store_text<&Request::scrape_timeout>},
    Parameter<Request>{"SERVER_SOFTWARE", store_text<&Request::server_software>},
};

constexpr std::array k_of_page = {
    Parameter<PageRequest>{"CEYMAIL_GATEWAY_SECRET", store_text<&PageRequest::gateway_secret>},
    Parameter<PageRequest>{"REQUEST_METHOD", store_text<&PageRequest::method>},
    Parameter<PageRequest>{"REQUEST_URI", store_text<&PageRequest::uri>},
    Parameter<PageRequest>{"REMOTE_ADDR", store_text<&PageRequest::remote_addr>},
    Parameter<PageRequest>{"REMOTE_USER", store_text<&PageRequest::remote_user>},
    Parameter<PageRequest>{"HTTPS", store_text<&PageRequest::https>},
    Parameter<PageRequest>{"HTTP_HOST", store_text<&PageRequest::host>},
    Parameter<PageRequest>{"SERVER_NAME", store_text<&PageRequest::server_name>},
    Parameter<PageRequest>{"SERVER_PORT", store_text<&PageRequest::server_port>},
    Parameter<PageRequest>{"HTTP_ORIGIN", store_text<&PageRequest::origin>},
    Parameter<PageRequest>{"HTTP_SEC_FETCH_SITE", store_text<&PageRequest::fetch_site>},
    Parameter<PageRequest>{"HTTP_COOKIE", store_text<&PageRequest::cookie>},
    Parameter<PageRequest>{"CONTENT_TYPE", store_text<&PageRequest::content_type>},
};

template <class AnyRequest, std::size_t count>
void read(char** environment, const std::array<Parameter<AnyRequest>, count>& known, AnyRequest& request) {
    std::bitset<count> seen;
    for (char** entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::string_view name = text.substr(0, text.find('='));
        if (name.size() == text.size()) continue;
        for (std::size_t i = 0; i < count; ++i) {
            if (name != known[i].name) continue;
            request.malformed = request.malformed || seen[i];
            seen[i] = true;
            known[i].store(request, {*entry + name.size() + 1, text.size() - name.size() - 1});
        }
    }
}

}  // namespace

Request read_parameters(char** environment) {
    Request request;
    read(environment, k_of_endpoint, request);
    return request;
}

void read_parameters(char** environment, Request& request) {
    request.clear();
    read(environment, k_of_endpoint, request);
}

PageRequest read_page_parameters(char** environment) {
    PageRequest request;
    read(environment, k_of_page, request);
    return request;
}

}  // namespace ceymail::fastcgi
