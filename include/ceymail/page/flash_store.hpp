// SPDX-License-Identifier: MIT
// FlashStore: keeps the outcome of each submitted form until it has been shown once.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::page {

// The outcome of a change, shown on the page after the redirect.
struct Outcome {
    util::Secret token{};     // of a generate
    bool may_linger = false;  // the metrics responder did not confirm that it forgot the previous token
};

inline constexpr std::chrono::seconds k_outcome_life{60};

// Interval between two checks while an outcome waits. A single timer would be late: epoll_wait(2) does not count the
// time of a suspend.
inline constexpr std::chrono::seconds k_look_for_expired{1};

// A redirect follows each POST, so that reload and back do not send the form again. The request after the redirect
// shows the new token, which must not be in a cookie, an address or the database. So it waits here, in memory that is
// wiped. Only a browser with the form's nonce as a cookie, signed in as the same user, can take it, and only once. A
// form that was sent twice finds its own outcome and shows it. Threads: one. Processes: one, so that the second request
// finds the outcome of the first.
class FlashStore {
public:
    static constexpr std::size_t k_most = 256;

    explicit FlashStore(util::ClockFunction clock = util::BootClock::now) : m_clock(clock) {}

    void keep(const std::string& nonce, const std::string& user, Outcome outcome);

    enum class State {
        unknown,  // no such form was submitted
        waiting,  // its outcome was not shown yet
        gone,     // it was shown, or has expired
    };
    [[nodiscard]] State state(const std::string& nonce, const std::string& user);

    [[nodiscard]] std::optional<Outcome> take(const std::string& nonce, const std::string& user);

    // Wipes expired outcomes. Returns: when to call it again; BootTime::max(): nothing waits.
    util::BootTime expire();

private:
    struct Entry {
        std::string user;
        util::BootTime kept_at;
        std::optional<Outcome> outcome;
    };
    util::ClockFunction m_clock;
    std::map<std::string, Entry> m_entries;
};

}  // namespace ceymail::page
