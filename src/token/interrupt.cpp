// SPDX-License-Identifier: MIT
// The handler calls only unlink(2) and raise(3). Source: signal-safety(7).
#include "ceymail/token/interrupt.hpp"

#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstring>

#include <unistd.h>

namespace ceymail::token {
namespace {

constexpr std::array k_signals{SIGINT, SIGTERM, SIGHUP, SIGQUIT};

std::array<char, PATH_MAX> s_file{};
std::atomic<bool> s_armed{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_signal(int number) {
    if (s_armed) ::unlink(s_file.data());
    ::raise(number);  // SA_RESETHAND restored the default action, which ends the process
}

void install() {
    struct sigaction handler{};
    handler.sa_handler = on_signal;
    handler.sa_flags = SA_RESETHAND;
    for (const int number : k_signals) {
        struct sigaction before{};
        const bool ignored = ::sigaction(number, nullptr, &before) == 0 && before.sa_handler == SIG_IGN;
        if (!ignored) ::sigaction(number, &handler, nullptr);
    }
}

}  // namespace

void remove_on_signal(const std::filesystem::path& file) {
    s_armed = false;
    const auto& name = file.native();
    if (name.empty() || name.size() >= s_file.size()) return;  // open(2) refuses a longer one
    std::memcpy(s_file.data(), name.c_str(), name.size() + 1);
    install();
    s_armed = true;
}

void hold_signals() noexcept {
    sigset_t held;
    ::sigemptyset(&held);
    for (const int number : k_signals) ::sigaddset(&held, number);
    ::sigprocmask(SIG_BLOCK, &held, nullptr);
}

}  // namespace ceymail::token
