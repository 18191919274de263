// SPDX-License-Identifier: MIT
// QueueCollector: how many messages wait in Postfix's queues, and since when.
#pragma once

#include <filesystem>

#include "ceymail/collect/collector.hpp"
#include "ceymail/collect/queue_reader.hpp"

namespace ceymail::collect {

// ceymail_queue_active, _deferred, _bounce, _hold, and ceymail_queue_oldest_deferred_timestamp_seconds where the
// names of all deferred messages tell it: opening or asking every file would cost what showq costs.
class QueueCollector : public Collector {
public:
    explicit QueueCollector(std::filesystem::path queue_directory, QueueReaderOptions options = {});

    [[nodiscard]] std::string_view name() const noexcept override { return "queue"; }

    // Errors as QueueReader::read().
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;

    [[nodiscard]] std::chrono::nanoseconds work_elsewhere() const noexcept override { return m_reader.helpers_time(); }

private:
    QueueReader m_reader;
};

}  // namespace ceymail::collect
