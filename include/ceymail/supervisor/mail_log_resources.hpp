// SPDX-License-Identifier: MIT
// MailLogResources: the socket pair and the shared memory between gatherer and log reader.
#pragma once

#include <optional>

#include "ceymail/config/configuration.hpp"
#include "ceymail/maillog/kept_reading.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

// Made by the supervisor before the first fork(2). It keeps both ends, so that a new gatherer or reader goes on with
// the same pair.
// The counters and the position lie in RUNTIME_DIRECTORY/mail-log and survive restarts. It is a file of its own: the
// log reader shares no page with limiter and digest, and the segment is judged without bytes that a stranger may have
// caused.
// Security: the log reader alone can write the memory. The gatherer's mapping comes from a read-only descriptor, so
// mprotect(2) cannot make it writable. The workers have none.
class MailLogResources {
public:
    MailLogResources() noexcept = default;  // no log is read
    MailLogResources(util::Fd gatherer, util::Fd reader, util::MappedMemory writable,
                     util::MappedMemory readable) noexcept;

    explicit operator bool() const noexcept { return m_is_open; }

    [[nodiscard]] int gatherer_socket() const noexcept { return m_gatherer.get(); }
    [[nodiscard]] int reader_socket() const noexcept { return m_reader.get(); }
    [[nodiscard]] const maillog::KeptReading& readable() const noexcept;
    [[nodiscard]] maillog::KeptReading& writable() const noexcept;

    // Close and unmap, in this process, what the role does not need. Processes: a child after fork(2).
    void keep_for_gatherer() noexcept;
    void keep_for_reader() noexcept;
    void drop() noexcept;

private:
    util::Fd m_gatherer;
    util::Fd m_reader;
    util::MappedMemory m_writable;
    util::MappedMemory m_readable;
    bool m_is_open = false;
};

// A file that is damaged, of another version or of another boot is replaced, with a line in the log.
// Returns: empty ones if the configuration names no log.
// Errors: those of SegmentDirectory; exhausted: no space.
// Requires: lock_instance(), or two supervisors would use one file; a single thread.
[[nodiscard]] util::Result<MailLogResources> open_mail_log_resources(const config::Configuration& configuration);

}  // namespace ceymail::supervisor
