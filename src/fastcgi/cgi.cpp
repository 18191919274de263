// SPDX-License-Identifier: MIT
#include "ceymail/fastcgi/cgi.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ceymail/fastcgi/listener.hpp"
#include "ceymail/fastcgi/parameters.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::fastcgi {

namespace {

constexpr std::chrono::seconds k_time_for_body{2};
constexpr std::size_t k_largest_body = 65536;

}  // namespace

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

void discard_request_body() {
    const auto deadline = util::BootClock::now() + k_time_for_body;
    std::array<char, 4096> buffer;
    std::size_t left = k_largest_body;
    while (left > 0) {
        const auto time = std::chrono::ceil<std::chrono::milliseconds>(deadline - util::BootClock::now());
        pollfd input{STDIN_FILENO, POLLIN, 0};
        if (time.count() <= 0 || poll(&input, 1, static_cast<int>(time.count())) <= 0) return;
        const ssize_t got = read(STDIN_FILENO, buffer.data(), std::min(buffer.size(), left));
        if (got <= 0) return;
        left -= static_cast<std::size_t>(got);
    }
}

}  // namespace ceymail::fastcgi
