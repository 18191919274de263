// SPDX-License-Identifier: MIT
// FlashStore: what came of the forms that were sent, kept until it has been shown, once.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "ceymail/util/clock.hpp"
#include "ceymail/util/secret.hpp"

namespace ceymail::page {

// What a change did, to be told on the page that the browser is sent on to.
struct Outcome {
    util::Secret token{};     // of a generate
    bool may_linger = false;  // the metrics responder could not be told to forget the token before
};

inline constexpr std::chrono::seconds k_outcome_life{60};

// Looked at this often while one waits. Not once at the end: epoll_wait(2) does not count the time of a suspend.
inline constexpr std::chrono::seconds k_look_for_expired{1};

// Why here: a redirect must follow the POST, so that reload and back never send it again; the new token must then be
// shown by the request after it, and may be neither in a cookie, nor in an address, nor in the database. So it waits
// here, in memory that is wiped, for the browser that bears the form's nonce as a cookie and is logged in as the same
// user. Once taken it is gone. A form that was sent twice at once finds its own outcome and shows it.
// One thread: the settings page has one process, which is why the second request finds what the first has left.
class FlashStore {
public:
    static constexpr std::size_t k_most = 256;

    explicit FlashStore(util::ClockFunction clock = util::BootClock::now) : m_clock(clock) {}

    void keep(const std::string& nonce, const std::string& user, Outcome outcome);

    enum class Fate {
        unknown,  // no such form was sent
        waiting,  // its outcome is there to be shown
        over,     // it has been shown, or nobody came for it in time
    };
    [[nodiscard]] Fate fate(const std::string& nonce, const std::string& user);

    [[nodiscard]] std::optional<Outcome> take(const std::string& nonce, const std::string& user);

    // Wipes what nobody came for in time. Returns: when to call it again; BootTime::max(): nothing waits.
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
