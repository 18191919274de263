// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/page_request.hpp"

#include <array>
#include <bitset>

namespace ceymail::fastcgi {
namespace {

struct Parameter {
    std::string_view name;
    std::string PageRequest::* field;
};

constexpr std::array k_parameters = {
    Parameter{"CEYMAIL_GATEWAY_SECRET", &PageRequest::gateway_secret},
    Parameter{"REQUEST_METHOD", &PageRequest::method},
    Parameter{"REQUEST_URI", &PageRequest::uri},
    Parameter{"REMOTE_ADDR", &PageRequest::remote_addr},
    Parameter{"REMOTE_USER", &PageRequest::remote_user},
    Parameter{"HTTPS", &PageRequest::https},
    Parameter{"HTTP_HOST", &PageRequest::host},
    Parameter{"SERVER_NAME", &PageRequest::server_name},
    Parameter{"SERVER_PORT", &PageRequest::server_port},
    Parameter{"HTTP_ORIGIN", &PageRequest::origin},
    Parameter{"HTTP_SEC_FETCH_SITE", &PageRequest::fetch_site},
    Parameter{"HTTP_COOKIE", &PageRequest::cookie},
    Parameter{"CONTENT_TYPE", &PageRequest::content_type},
};

}  // namespace

PageRequest read_page_parameters(char** environment) {
    PageRequest request;
    std::bitset<k_parameters.size()> seen;
    for (char** entry = environment; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == text.npos) continue;
        for (std::size_t i = 0; i < k_parameters.size(); ++i) {
            if (text.substr(0, equals) != k_parameters[i].name) continue;
            request.malformed = request.malformed || seen[i];
            seen[i] = true;
            request.*k_parameters[i].field = text.substr(equals + 1);
        }
    }
    return request;
}

}  // namespace ceymail::fastcgi
