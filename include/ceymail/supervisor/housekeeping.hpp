// SPDX-License-Identifier: MIT
// Housekeeping: does with files what the workers, which open none, have recorded in the segment.
// Processes: the supervisor; its writer for write_token_memory(), --check for read_token_memory(). It is done when the
// supervisor wakes up for another reason, such as the watchdog's ping, so that it causes no wake-up.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "ceymail/admission/token_history.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

// The file in the state directory that keeps the newest token's creation time over a boot. It is in
// STATE_DIRECTORY/service, which belongs to the service's user. STATE_DIRECTORY itself belongs to root, who keeps files
// of ceymail-token there.
// Returns: an empty mark if there is no file.
// Errors: invalid: the file holds something else; else the kind of the errno.
[[nodiscard]] util::Result<admission::TokenMark> read_token_memory(const config::Configuration& configuration);

// Replaces the file by rename(2), so that a reader finds the old or the new one.
// Errors: not_found: there is no such directory; else the kind of the errno.
[[nodiscard]] util::Result<void> write_token_memory(const config::Configuration& configuration,
                                                    admission::TokenMark mark);

inline constexpr std::chrono::seconds k_until_schema_order{60};  // a table may be renamed for a moment
inline constexpr std::chrono::seconds k_between_schema_orders{60};

// Threads: one. Requires: `layout` outlives it.
// Security: a taken-over worker can write any value. It can have a wrong time stored, and one order given a minute.
class Housekeeping {
public:
    // Reads the newest token's time from the state directory into the segment.
    Housekeeping(const config::Configuration& configuration, shared::SegmentLayout& layout);

    // Returns: the mark to store in the state directory; no value: it is the last of set_stored().
    [[nodiscard]] std::optional<admission::TokenMark> mark_to_store() const noexcept;
    void set_stored(admission::TokenMark mark) noexcept { m_stored = mark; }

    // If token checks have found no table or no account for k_until_schema_order, and one since the last order, writes
    // RUNTIME_DIRECTORY/schema-missing, at most once in k_between_schema_orders. systemd then starts
    // ceymail-metrics-init.service, which looks as root.
    void order_schema(util::BootTime now);

private:
    shared::SegmentLayout& m_layout;
    std::string m_order;
    admission::TokenMark m_stored;
    util::BootTime m_ordered_at{};
    bool m_logged = false;
};

}  // namespace ceymail::supervisor
