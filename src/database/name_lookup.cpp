// SPDX-License-Identifier: MIT
#include "ceymail/database/name_lookup.hpp"

#include <future>
#include <system_error>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netdb.h>

namespace ceymail::database {
namespace {

using util::ErrorKind;

constexpr const char* k_remedy = "; look at the name servers in /etc/resolv.conf, or give database_host an address";

bool is_address(const std::string& host) noexcept {
    in6_addr ignored{};
    return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 || ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

// Returns: 0 or an error of getaddrinfo(3).
int resolve(const std::string& host) {
    addrinfo* found = nullptr;
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    const int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &found);
    if (error == 0) ::freeaddrinfo(found);
    return error;
}

std::unexpected<util::Error> failure(ErrorKind kind, const std::string& host, const std::string& cause,
                                     const char* remedy = k_remedy) {
    return util::fail(kind, "cannot look up MariaDB's host " + host + ": " + cause + remedy);
}

}  // namespace

util::Result<void> look_up(const std::string& host, util::BootTime deadline) {
    if (is_address(host) || host.contains(',')) return {};
    std::packaged_task<int()> task([host] { return resolve(host); });
    auto outcome = task.get_future();
    try {
        std::thread(std::move(task)).detach();
    } catch (const std::system_error& problem) {
        return failure(ErrorKind::unavailable, host, problem.what(), "; raise TasksMax= of the unit");
    }
    if (outcome.wait_for(deadline - util::BootClock::now()) != std::future_status::ready)
        return failure(ErrorKind::timed_out, host, "no answer in time");
    if (const int error = outcome.get(); error != 0)
        return failure(ErrorKind::unavailable, host, ::gai_strerror(error));
    return {};
}

}  // namespace ceymail::database
