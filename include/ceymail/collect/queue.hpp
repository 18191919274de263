// SPDX-License-Identifier: MIT
// QueueCollector: how many messages wait in Postfix's queues, and since when.
#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/collect/queue_reader.hpp"

namespace ceymail::collect {

// The sums over all queue directories: ceymail_queue_active, _deferred, _bounce, _hold, _incoming, _maildrop; if all
// arrivals are known, also ceymail_queue_oldest_deferred_timestamp_seconds and ceymail_queue_deferred_older_than. It
// opens no message: that would cost as much as showq(8).
class QueueCollector : public Collector {
public:
    // One directory for each Postfix instance, postmulti(1).
    explicit QueueCollector(std::vector<std::filesystem::path> queue_directories, QueueReaderOptions options = {});

    [[nodiscard]] std::string_view name() const noexcept override { return "queue"; }

    // Errors: those of QueueReader::read() for the first directory that cannot be read; there is no partial sum.
    // invalid: two paths are the same directory, which would be counted twice.
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

    [[nodiscard]] std::chrono::nanoseconds extra_cpu_time() const noexcept override;

private:
    std::vector<std::filesystem::path> m_queue_directories;
    FileClock m_now;
    std::deque<QueueReader> m_readers;  // one for each
};

}  // namespace ceymail::collect
