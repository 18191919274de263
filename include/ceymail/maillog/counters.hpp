// SPDX-License-Identifier: MIT
// Counters: all that the mail log gave, in one block of fixed size for shared memory.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "ceymail/maillog/labels.hpp"
#include "ceymail/maillog/sender_window.hpp"

namespace ceymail::maillog {

// Every change of Counters needs a new one.
inline constexpr std::uint32_t k_counters_version = 2;

// Upper bounds of ceymail_mail_delivery_delay_seconds. The last bucket, +Inf, has none.
inline constexpr std::array<double, 12> k_delay_bounds{0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3600, 14400, 86400};

inline constexpr double k_microseconds = 1e6;  // in a second

struct DelayHistogram {
    std::array<std::uint64_t, k_delay_bounds.size() + 1> buckets{};  // each counts its own values only
    std::uint64_t sum_microseconds = 0;

    void add(std::uint64_t microseconds, std::uint64_t times) noexcept;

    friend bool operator==(const DelayHistogram&, const DelayHistogram&) = default;
};

// Bans by jail of Fail2ban. The first 16 jails that the log names have a counter each, all others one together.
class BanTable {
public:
    static constexpr std::size_t k_jails = 16;
    static constexpr std::size_t k_longest_name = 40;

    struct Jail {
        std::array<char, k_longest_name> name{};  // padded with NUL; letters, digits and -._ only
        std::uint64_t bans = 0;

        friend bool operator==(const Jail&, const Jail&) = default;
    };

    // Adds to the counter of the jail. With 0 the jail is only made known, so that its series begins at 0.
    // A name of other characters, or a longer one, counts with the others.
    void add(std::string_view jail, std::uint64_t bans) noexcept;

    [[nodiscard]] const std::array<Jail, k_jails>& jails() const noexcept { return m_jails; }
    [[nodiscard]] std::uint64_t others() const noexcept { return m_others; }

    // Returns: the name, without what cannot be one. Security: the entry may have been written by a taken-over process.
    [[nodiscard]] static std::string_view name_of(const Jail& jail) noexcept;

    friend bool operator==(const BanTable&, const BanTable&) = default;

private:
    std::array<Jail, k_jails> m_jails{};  // in the order of their first line; the first empty name ends them
    std::uint64_t m_others = 0;
};

// Trivially copyable, without padding and pointers. A block is valid when it has version and size; any value of the
// other bytes is safe to read, because the process that writes it parses lines of strangers.
// Threads: none of its own. One process writes; a copy that is made meanwhile may have parts of a line counted.
struct Counters {
    std::uint32_t version = k_counters_version;
    std::uint32_t size = sizeof(Counters);

    Table<Daemon> lines;              // of the file: one that says that another was repeated is one
    std::uint64_t skipped_bytes = 0;  // given up unread; the follower of the file counts them
    Table<Program> unparsed;

    Table<Source> received;
    Table<Transport, Status> recipients;
    std::uint64_t expired = 0;
    Table<Status, FailureClass> failures;  // those of `sent` stay 0
    Table<RejectReason> rejects;
    DelayHistogram delivery_delay;
    Table<Stage> stage_microseconds;
    std::uint64_t milter_errors = 0;
    Table<Severity> warnings;
    Table<LoginService, LoginResult> authentications;
    Table<Verdict> spam_verdicts;
    Table<Direction, TlsProtocol> tls;
    BanTable bans;
    SenderWindow senders;

    // Of the journal
    std::uint64_t log_gaps = 0;       // places where an unknown number of entries is missing
    std::uint64_t foreign_lines = 0;  // of other users' processes, not counted

    [[nodiscard]] bool is_valid() const noexcept { return version == k_counters_version && size == sizeof(Counters); }
};

static_assert(std::is_trivially_copyable_v<Counters> && std::is_standard_layout_v<Counters>);
static_assert(std::has_unique_object_representations_v<Counters>, "no padding");
static_assert(sizeof(Counters) == 112'592, "the layout changed: k_counters_version changes with it");

}  // namespace ceymail::maillog
