// SPDX-License-Identifier: MIT
#include "ceymail/collect/queue.hpp"

#include <array>
#include <numeric>
#include <utility>

#include "ceymail/collect/queue_id.hpp"

namespace ceymail::collect {
namespace {

using enum exposition::MetricType;
using namespace std::chrono_literals;

struct Queue {
    std::uint64_t QueueCounts::* count;
    const char* name;  // of the metric
    const char* help;
};
constexpr std::array k_queues{
    Queue{&QueueCounts::active, "ceymail_queue_active", "Messages that Postfix is delivering."},
    Queue{&QueueCounts::deferred, "ceymail_queue_deferred", "Messages that Postfix will try again later."},
    Queue{&QueueCounts::bounce, "ceymail_queue_bounce",
          "Messages with delivery failures that their senders are not yet told."},
    Queue{&QueueCounts::hold, "ceymail_queue_hold", "Messages that wait until an administrator releases them."},
    Queue{&QueueCounts::incoming, "ceymail_queue_incoming",
          "Messages that are being received, or that the queue manager has not yet taken."},
    Queue{&QueueCounts::maildrop, "ceymail_queue_maildrop",
          "Messages submitted by sendmail(1) that Postfix has not yet picked up."}};

// The label `age` of ceymail_queue_deferred_older_than.
struct Age {
    const char* label;
    std::chrono::seconds age;
};
constexpr std::array k_ages{Age{"5m", 5min}, Age{"1h", 1h}, Age{"6h", 6h}, Age{"1d", 24h}, Age{"3d", 72h}};

// How many deferred messages are older than each of k_ages.
using OlderThan = std::array<std::uint64_t, k_ages.size()>;

exposition::MetricFamily deferred_older_than(const OlderThan& counts) {
    exposition::MetricFamily family{
        "ceymail_queue_deferred_older_than",
        "Deferred messages that arrived longer ago than `age`, by the same arrivals as "
        "ceymail_queue_oldest_deferred_timestamp_seconds. Absent until all are known, and where neither queue ids nor "
        "birth times tell them.",
        gauge};
    for (std::size_t i = 0; i < counts.size(); ++i) family.samples.push_back({{{"age", k_ages[i].label}}, counts[i]});
    return family;
}

// Returns: false if `reader` does not know. `now`: since the epoch.
bool add_older_than(OlderThan& counts, const QueueReader& reader, std::chrono::seconds now) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const auto count = reader.deferred_before(now - k_ages[i].age);
        if (!count) return false;
        counts[i] += *count;
    }
    return true;
}

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
    : m_queue_directories(std::move(queue_directories)), m_now(options.now) {
    for (const auto& directory : m_queue_directories) m_readers.emplace_back(directory, options);
}

std::chrono::nanoseconds QueueCollector::extra_cpu_time() const noexcept {
    return std::accumulate(m_readers.begin(), m_readers.end(), std::chrono::nanoseconds{},
                           [](auto sum, const QueueReader& reader) { return sum + reader.helper_cpu_time(); });
}

util::Result<Families> QueueCollector::collect(util::BootTime deadline) {
    CEYMAIL_TRY(require_different(m_queue_directories));
    // Before the first read: its values are of this time or later.
    const auto now = std::chrono::floor<std::chrono::seconds>(m_now());
    QueueCounts sum;
    bool all_known = true;
    bool all_ages_known = true;
    std::optional<std::chrono::microseconds> oldest;
    OlderThan older_than{};
    for (auto& reader : m_readers) {
        CEYMAIL_TRY_ASSIGN(const auto counts, reader.read(deadline));
        for (const auto& queue : k_queues) sum.*queue.count += counts.*queue.count;
        const auto arrival = reader.oldest_deferred(deadline);
        all_known &= arrival || counts.deferred == 0;
        oldest = earlier(oldest, arrival);
        all_ages_known = all_ages_known && add_older_than(older_than, reader, now);
    }

    Families families;
    for (const auto& [count, name, help] : k_queues) families.push_back(single(name, help, gauge, sum.*count));
    if (oldest && all_known) families.push_back(oldest_deferred(*oldest));
    if (all_ages_known) families.push_back(deferred_older_than(older_than));
    return families;
}

}  // namespace ceymail::collect
