// SPDX-License-Identifier: MIT
// QueueCollector: how many messages wait in Postfix's queues, and since when.
#include "ceymail/collect/queue.hpp"

#include <numeric>

#include "ceymail/collect/queue_id.hpp"

namespace ceymail::collect {
namespace {

using enum exposition::MetricType;

exposition::MetricFamily oldest_deferred(std::chrono::microseconds arrival) {
    return single(
        "ceymail_queue_oldest_deferred_timestamp_seconds",
        "Unix time at which the oldest deferred message arrived, by its long queue id, or by the birth time of its "
        "file. Absent while nothing is deferred, until all births are known, and where the file system keeps none.",
        gauge, std::chrono::duration<double>(arrival).count());
}

// One directory can have two paths: by a symbolic link, or by a bind mount.
util::Result<void> require_different(const std::vector<std::filesystem::path>& directories) {
    std::error_code ignored;
    for (auto one = directories.begin(); one != directories.end(); ++one) {
        for (auto other = directories.begin(); other != one; ++other) {
            if (!std::filesystem::equivalent(*one, *other, ignored)) continue;
            return util::fail(util::ErrorKind::invalid, "the queue directories " + other->string() + " and " +
                                                            one->string() +
                                                            " are the same one; keep one `queue_directory` line");
        }
    }
    return {};
}

}  // namespace

QueueCollector::QueueCollector(std::vector<std::filesystem::path> queue_directories, QueueReaderOptions options)
    : m_queue_directories(std::move(queue_directories)) {
    for (const auto& directory : m_queue_directories) m_readers.emplace_back(directory, options);
}

std::chrono::nanoseconds QueueCollector::extra_cpu_time() const noexcept {
    return std::accumulate(m_readers.begin(), m_readers.end(), std::chrono::nanoseconds{},
                           [](auto sum, const QueueReader& reader) { return sum + reader.helper_cpu_time(); });
}

util::Result<Families> QueueCollector::collect(util::BootTime deadline) {
    CEYMAIL_TRY(require_different(m_queue_directories));
    QueueCounts sum;
    bool all_known = true;
    std::optional<std::chrono::microseconds> oldest;
    for (auto& reader : m_readers) {
        CEYMAIL_TRY_ASSIGN(const auto counts, reader.read(deadline));
        sum.active += counts.active;
        sum.deferred += counts.deferred;
        sum.bounce += counts.bounce;
        sum.hold += counts.hold;
        const auto arrival = reader.oldest_deferred(deadline);
        all_known &= arrival || counts.deferred == 0;
        oldest = earlier(oldest, arrival);
    }

    Families families{
        single("ceymail_queue_active", "Messages that Postfix is delivering.", gauge, sum.active),
        single("ceymail_queue_deferred", "Messages that Postfix will try again later.", gauge, sum.deferred),
        single("ceymail_queue_bounce", "Messages with delivery failures that their senders are not yet told.", gauge,
               sum.bounce),
        single("ceymail_queue_hold", "Messages that wait until an administrator releases them.", gauge, sum.hold),
    };
    if (oldest && all_known) families.push_back(oldest_deferred(*oldest));
    return families;
}

}  // namespace ceymail::collect
