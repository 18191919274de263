// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/cgi.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/fastcgi/parameters.hpp"

namespace ceymail::fastcgi {

bool started_as_cgi() { return std::getenv("GATEWAY_INTERFACE") != nullptr && !listens(STDIN_FILENO); }

Request request_from_environment() {
    Request request = read_parameters(environ);
    unsetenv("HTTP_AUTHORIZATION");
    return request;
}

bool write_cgi(const Response& response) {
    const std::string text = to_cgi(response);
    for (std::string_view left = text; !left.empty();) {
        const ssize_t written = write(STDOUT_FILENO, left.data(), left.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        left.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace ceymail::fastcgi
