// SPDX-License-Identifier: MIT
// QueueCollector: how many messages wait in Postfix's queues, and since when.
#include "ceymail/collect/queue.hpp"

namespace ceymail::collect {
namespace {

using enum exposition::MetricType;

exposition::MetricFamily oldest_deferred(std::chrono::microseconds arrival) {
    return single(
        "ceymail_queue_oldest_deferred_timestamp_seconds",
        "Unix time at which the oldest deferred message arrived, from its long queue id. Absent while nothing "
        "is deferred, or while a deferred message has a short queue id, which tells no time "
        "(enable_long_queue_ids = no).",
        gauge, std::chrono::duration<double>(arrival).count());
}

}  // namespace

QueueCollector::QueueCollector(std::filesystem::path queue_directory, QueueReaderOptions options)
    : m_reader(std::move(queue_directory), options) {}

util::Result<Families> QueueCollector::collect(util::BootTime deadline) {
    const auto counts = m_reader.read(deadline);
    if (!counts) return std::unexpected(counts.error());

    Families families{
        single("ceymail_queue_active", "Messages that Postfix is delivering.", gauge, counts->active),
        single("ceymail_queue_deferred", "Messages that Postfix will try again later.", gauge, counts->deferred),
        single("ceymail_queue_bounce", "Messages with delivery failures that their senders are not yet told.", gauge,
               counts->bounce),
        single("ceymail_queue_hold", "Messages that wait until an administrator releases them.", gauge, counts->hold),
    };
    if (counts->oldest_deferred) families.push_back(oldest_deferred(*counts->oldest_deferred));
    return families;
}

}  // namespace ceymail::collect
