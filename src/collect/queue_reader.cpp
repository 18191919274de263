// SPDX-License-Identifier: MIT
// A read is a pass over the remembered directories. It stats each one. It lists those that are new or have changed,
// several at a time, each on one thread. It then does the same with the subdirectories that this has found.
#include "ceymail/collect/queue_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <map>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

namespace ceymail::collect {
namespace {

constexpr std::size_t k_buffer_bytes = 64U << 10U;
constexpr unsigned k_max_threads = 8;
constexpr unsigned k_max_depth = 16;
constexpr std::size_t k_deferred = 1;        // index in m_queues
constexpr std::size_t k_characteristic = 4;  // the first of m_queues: a queue directory has one of these
constexpr std::size_t k_max_directories = 65536;
constexpr std::size_t k_max_births_per_call = 25'000;
constexpr std::chrono::milliseconds k_birth_time_limit{50};

constexpr std::string_view k_where =
    "set `queue_directory` to what `postconf -h queue_directory` prints, then systemctl daemon-reload && systemctl "
    "restart ceymail-metrics";
constexpr std::string_view k_capability = "the unit needs CAP_DAC_READ_SEARCH";
constexpr std::string_view k_despite_capability =
    "CAP_DAC_READ_SEARCH is there; if something was mounted above it while the service ran, systemctl restart "
    "ceymail-metrics; if it is on a network share, its server keeps root out";

std::string_view remedy_of(int error, const QueueReaderOptions& options) {
    switch (error) {
        case EACCES:
        case EPERM:
            return options.may_read_all != nullptr && options.may_read_all() ? k_despite_capability : k_capability;
        case ETIMEDOUT:
            return "what was read so far is remembered, the next scrape goes on from there";
        case ENOTDIR:
            return "a queue must be a real directory, no symbolic link";
        case EMLINK:
            return "Postfix makes no such directories, remove them";
        default:
            return {};
    }
}

util::Result<util::Fd> open_queue_directory(const std::filesystem::path& path, const QueueReaderOptions& options) {
    util::Fd fd{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (fd) return fd;
    const bool is_denied = errno == EACCES;
    return util::fail_errno(errno, "cannot open the queue directory " + path.string(),
                            is_denied ? remedy_of(EACCES, options) : k_where);
}

}  // namespace

// The state of one read().
struct QueueReader::Pass {
    util::Fd queue_directory;
    util::BootTime deadline;
    std::size_t directories = 0;          // examined so far
    std::vector<QueueDirectory*> unread;  // examined, to be read next
    std::map<dev_t, bool> local{};        // has_local_timestamps() of each file system
};

// How many birth times one call may read, and for how long.
struct QueueReader::BirthBudget {
    std::size_t left;
    util::BootTime deadline;
    ArrivalAllowance allowance;
    util::BootTime until = util::BootTime::max();  // set by the first take(), so that listing is not counted

    [[nodiscard]] bool take() {
        const auto now = util::BootClock::now();
        until = std::min({until, deadline, now + k_birth_time_limit});
        if (now >= until) left = 0;
        if (left == 0) return false;
        --left;
        return true;
    }
};

QueueReader::QueueReader(std::filesystem::path queue_directory, QueueReaderOptions options)
    : m_queue_directory(std::move(queue_directory)),
      m_options(options),
      m_queues{QueueDirectory{"active", Arrivals::ignored},   QueueDirectory{"deferred", Arrivals::wanted},
               QueueDirectory{"bounce", Arrivals::ignored},   QueueDirectory{"hold", Arrivals::ignored},
               QueueDirectory{"incoming", Arrivals::ignored}, QueueDirectory{"maildrop", Arrivals::ignored}} {}

util::Result<QueueCounts> QueueReader::read(util::BootTime deadline) {
    CEYMAIL_TRY_ASSIGN(auto queue_directory, open_queue_directory(m_queue_directory, m_options));
    Pass pass{std::move(queue_directory), deadline, 0, {}, {}};
    m_helper_cpu_time = 0;

    const auto queues = std::span(m_queues);
    const auto examine_each = [&](std::span<QueueDirectory> some) -> util::Result<void> {
        for (auto& queue : some) CEYMAIL_TRY(examine(pass, pass.queue_directory.get(), queue));
        return {};
    };
    CEYMAIL_TRY(examine_each(queues.first(k_characteristic)));
    if (pass.directories == 0) {
        return util::fail(util::ErrorKind::invalid, m_queue_directory.string() +
                                                        " is no Postfix queue directory: it has neither active nor "
                                                        "deferred, bounce or hold; " +
                                                        std::string(k_where));
    }
    CEYMAIL_TRY(examine_each(queues.subspan(k_characteristic)));
    CEYMAIL_TRY(read_unread(pass));
    auto arrival_times = arrival_times_left();
    m_queues[k_deferred].read_again_for_arrival_times(arrival_times);

    const auto& [active, deferred, bounce, hold, incoming, maildrop] = m_queues;
    return QueueCounts{active.sum().files, deferred.sum().files, bounce.sum().files,
                       hold.sum().files,   incoming.sum().files, maildrop.sum().files};
}

// Adds the directory to `unread` unless its stamp proves that nothing changed.
util::Result<void> QueueReader::examine(Pass& pass, int parent, QueueDirectory& directory) const {
    // The clock is read first: a change after the stamp gets this time or a later one.
    const FileTime now = m_options.now();
    struct stat status{};
    if (::fstatat(parent, directory.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
        return on_unreachable(directory, errno);
    if (!S_ISDIR(status.st_mode)) return on_unreachable(directory, ENOTDIR);
    if (++pass.directories > k_max_directories || directory.depth > k_max_depth) return failure(directory, EMLINK);
    if (!directory.settled || stamp_of(status) != directory.stamp) {
        directory.begin_reading(status, now, is_local(pass, parent, directory, status.st_dev));
        pass.unread.push_back(&directory);
        return {};
    }
    if (directory.subdirectories.empty()) return {};
    const auto fd = open_subdirectory(parent, directory.name, O_PATH);
    if (!fd) return on_unreachable(directory, fd.error());
    return examine_subdirectories(pass, fd->get(), directory);
}

bool QueueReader::is_local(Pass& pass, int parent, const QueueDirectory& directory, dev_t device) const {
    const auto known = pass.local.find(device);
    if (known != pass.local.end()) return known->second;
    const auto fd = open_subdirectory(parent, directory.name, O_PATH);
    return pass.local[device] = fd && m_options.has_local_timestamps(fd->get());
}

util::Result<void> QueueReader::examine_subdirectories(Pass& pass, int fd, QueueDirectory& directory) const {
    for (const auto& subdirectory : directory.subdirectories) CEYMAIL_TRY(examine(pass, fd, *subdirectory));
    return {};
}

util::Result<void> QueueReader::read_unread(Pass& pass) {
    while (!pass.unread.empty()) {
        const auto batch = std::exchange(pass.unread, {});
        CEYMAIL_TRY(read_directories(pass, batch));
        for (QueueDirectory* directory : batch) {
            if (directory->subdirectories.empty()) continue;
            const auto fd = open_directory(pass.queue_directory.get(), *directory, O_PATH);
            CEYMAIL_TRY(fd ? examine_subdirectories(pass, fd->get(), *directory)
                           : on_unreachable(*directory, fd.error()));
        }
    }
    return {};
}

// Starts threads for this batch only: they are rarely needed, and a start costs less than reading a directory.
// Returns: the first error in the order of size. The directories without an error are up to date.
util::Result<void> QueueReader::read_directories(const Pass& pass, std::vector<QueueDirectory*> batch) {
    // The largest first, so that all threads end at about the same time.
    std::ranges::sort(batch, std::greater{}, &QueueDirectory::size_hint);
    std::vector<util::Result<void>> outcomes(batch.size());
    std::atomic<std::size_t> next = 0;
    ArrivalAllowance allowance(arrival_times_left());
    const auto work = [&] {
        const auto buffer = std::make_unique_for_overwrite<std::byte[]>(k_buffer_bytes);
        for (std::size_t i = next++; i < batch.size(); i = next++) {
            outcomes[i] = read_directory(pass, *batch[i], {buffer.get(), k_buffer_bytes}, allowance);
            if (!outcomes[i] && outcomes[i].error().kind == util::ErrorKind::timed_out) next = batch.size();
        }
    };
    const auto help = [&] {
        work();
        m_helper_cpu_time += util::thread_cpu_time().count();  // the thread does nothing else
    };

    const std::size_t threads = std::min(threads_for(batch), batch.size());
    std::vector<std::future<void>> helpers;
    helpers.reserve(threads);
    try {
        while (helpers.size() + 1 < threads) helpers.push_back(std::async(std::launch::async, help));
    } catch (const std::system_error&) {
        // No more threads can be started: the existing ones read all.
    }
    work();
    for (auto& helper : helpers) helper.get();

    const auto failed = std::ranges::find_if(outcomes, [](const auto& outcome) { return !outcome; });
    return failed == outcomes.end() ? util::Result<void>{} : std::move(*failed);
}

// Threads: several at a time, each with another directory.
util::Result<void> QueueReader::read_directory(const Pass& pass, QueueDirectory& directory, std::span<std::byte> buffer,
                                               ArrivalAllowance& allowance) {
    const auto fd = open_directory(pass.queue_directory.get(), directory, O_RDONLY);
    if (!fd) return on_unreachable(directory, fd.error());
    auto listing = list_directory(fd->get(), buffer, {directory.arrivals, m_options.types, pass.deadline, &allowance});
    if (!listing) return on_unreachable(directory, listing.error());
    ++m_directories_read;
    directory.adopt(std::move(*listing));
    return {};
}

std::optional<std::chrono::microseconds> QueueReader::oldest_deferred(util::BootTime deadline) {
    QueueDirectory& deferred = m_queues[k_deferred];
    const auto known = [&]() -> std::optional<std::chrono::microseconds> {
        const auto sum = deferred.sum();
        return sum.dated ? sum.oldest : std::nullopt;
    };
    const auto sum = deferred.sum();
    const bool is_first = !std::exchange(m_births_requested, true);
    if (sum.dated || (is_first && sum.files > k_min_births_per_call)) return known();
    if (std::max(sum.files, sum.births) > m_options.max_births) {
        deferred.forget_births();
        return known();
    }
    const auto queue_directory = open_queue_directory(m_queue_directory, m_options);
    if (!queue_directory) return {};
    const auto now = util::BootClock::now();
    BirthBudget budget{.left = std::clamp<std::size_t>(sum.files / 4, k_min_births_per_call, k_max_births_per_call),
                       .deadline = now + (deadline - now) / 2,
                       .allowance = ArrivalAllowance(arrival_times_left())};
    read_births(queue_directory->get(), deferred, budget);
    return known();
}

// The next call tries again what fails here. Until then there is no value.
void QueueReader::read_births(int queue_directory, QueueDirectory& directory, BirthBudget& budget) const {
    for (const auto& subdirectory : directory.subdirectories) read_births(queue_directory, *subdirectory, budget);
    if (directory.is_dated() || budget.left == 0) return;
    const auto fd = open_directory(queue_directory, directory, O_RDONLY);
    if (!fd) return;
    const auto ask = [&](const char* name) {
        if (directory.births.keep(name)) return true;
        if (!budget.take()) return false;
        const auto birth = m_options.birth_of(fd->get(), name);
        if (birth) directory.births.add(name, *birth);
        if (!birth && birth.error() != ENOENT) budget.left = 0;  // the next would fail in the same way
        return birth || birth.error() == ENOENT;
    };
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(k_buffer_bytes);
    directory.births.begin_pass();
    auto listing = list_directory(fd->get(), {buffer.get(), k_buffer_bytes},
                                  {directory.arrivals, m_options.types, budget.deadline, &budget.allowance, ask});
    directory.births.end_pass(listing.has_value());
    if (listing) directory.adopt_births(std::move(*listing), budget.allowance);
}

std::optional<std::uint64_t> QueueReader::deferred_before(std::chrono::seconds time) const {
    const auto& deferred = m_queues[k_deferred];
    return deferred.sum().has_arrival_times ? std::optional(deferred.arrived_before(time)) : std::nullopt;
}

std::size_t QueueReader::arrival_times_left() const {
    const std::size_t held = m_queues[k_deferred].sum().arrival_times;
    return m_options.max_arrival_times - std::min(m_options.max_arrival_times, held);
}

std::size_t QueueReader::threads_for(const std::vector<QueueDirectory*>& batch) const {
    std::uintmax_t bytes = 0;
    for (const QueueDirectory* directory : batch) bytes += directory->size_hint;
    if (bytes < m_options.parallel_min_bytes) return 1;
    const unsigned cores = std::min(std::max(std::thread::hardware_concurrency(), 1U), k_max_threads);
    return m_options.max_threads == 0 ? cores : m_options.max_threads;
}

// A directory that was removed is empty; another failure is an error. A queue itself that is no directory is an error
// too: a link to another disk must not count as an empty queue.
util::Result<void> QueueReader::on_unreachable(QueueDirectory& directory, int error) const {
    const bool may_be_missing =
        error == ENOENT || (directory.parent != nullptr && (error == ENOTDIR || error == ELOOP));
    if (!may_be_missing) return failure(directory, error);
    directory.forget();
    return {};
}

std::unexpected<util::Error> QueueReader::failure(const QueueDirectory& directory, int error) const {
    const std::string what = "cannot read the queue directory " + (m_queue_directory / directory.path()).string();
    auto failed = util::fail_errno(error, what, remedy_of(error, m_options));
    if (error == EMLINK) failed.error().kind = util::ErrorKind::exhausted;
    if (error == ENOTDIR) failed.error().kind = util::ErrorKind::invalid;
    return failed;
}

}  // namespace ceymail::collect
