// SPDX-License-Identifier: MIT
// MailLogResources: the shared memory and the sockets between gatherer, log reader and journal reader.
#pragma once

#include "ceymail/config/configuration.hpp"
#include "ceymail/maillog/kept_reading.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/mapped_memory.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::supervisor {

// The two ends of a socket pair.
struct SocketPair {
    util::Fd client;
    util::Fd server;
};

// Made by the supervisor before the first fork(2). It keeps both ends of each pair, so that a new process goes on with
// the same pair.
// The counters and the position lie in RUNTIME_DIRECTORY/mail-log and survive restarts. It is a file of its own: the
// log reader shares no page with limiter and digest, and the segment is judged without bytes that a stranger may have
// caused.
// Security: the log reader alone can write the memory. The gatherer's mapping comes from a read-only descriptor, so
// mprotect(2) cannot make it writable. The workers have none.
class MailLogResources {
public:
    MailLogResources() noexcept = default;  // no log is read

    // A file that is damaged, of another version or of another boot is replaced, with a line in the log.
    // Returns: empty ones if the configuration names no log.
    // Errors: those of SegmentDirectory; exhausted: no space.
    // Requires: lock_instance(), or two supervisors would use one file; a single thread.
    [[nodiscard]] static util::Result<MailLogResources> open(const config::Configuration& configuration);

    // Returns: whether a log is read. Processes: supervisor and gatherer.
    explicit operator bool() const noexcept { return static_cast<bool>(m_reader.client); }

    // Returns: whether the journal may be read.
    [[nodiscard]] bool has_journal() const noexcept { return static_cast<bool>(m_journal.client); }

    [[nodiscard]] int gatherer_socket() const noexcept { return m_reader.client.get(); }
    [[nodiscard]] int reader_socket() const noexcept { return m_reader.server.get(); }
    [[nodiscard]] int reader_journal_socket() const noexcept { return m_journal.client.get(); }
    [[nodiscard]] int journal_socket() const noexcept { return m_journal.server.get(); }
    [[nodiscard]] const maillog::KeptReading& readable() const noexcept;
    [[nodiscard]] maillog::KeptReading& writable() const noexcept;

    // Close and unmap, in this process, what the role does not need. Processes: a child after fork(2).
    void keep_for_gatherer() noexcept;
    void keep_for_reader() noexcept;
    void keep_for_journal() noexcept;
    void drop() noexcept { *this = {}; }

private:
    SocketPair m_reader;   // gatherer and log reader
    SocketPair m_journal;  // log reader and journal reader; empty: the journal is not read
    util::MappedMemory m_writable;
    util::MappedMemory m_readable;
};

}  // namespace ceymail::supervisor
