// SPDX-License-Identifier: MIT
// QueueReader: counts the messages of Postfix's queues and reads only the directories that changed since the last time.
//
// A read goes in rounds. First every remembered directory is asked for its stamp; those that changed or are new are
// set aside. They are read, side by side when that is worth it, which may bring up subdirectories to ask, and so on.
// Where fewer directories are to be read than threads could share evenly, they are cut into stretches, at positions
// that the last read came by: a changed directory is then read from several places at once.
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

#include "ceymail/collect/queue_id.hpp"
#include "ceymail/util/processors.hpp"

namespace ceymail::collect {
namespace {

constexpr std::size_t k_buffer_bytes = 64U << 10U;
constexpr unsigned k_most_threads = 8;
constexpr std::size_t k_even_share = 4;  // stretches a thread, from which on all end at about the same time
constexpr unsigned k_deepest = 16;
constexpr std::size_t k_deferred = 1;  // of the queues
constexpr std::size_t k_most_directories = 65536;
constexpr std::size_t k_most_births_a_call = 25'000;
constexpr std::chrono::milliseconds k_longest_asking{50};

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

struct Helper {
    std::future<void> outcome;
    std::jthread thread;
};

util::Result<util::Fd> open_queue_directory(const std::filesystem::path& path, const QueueReaderOptions& options) {
    util::Fd fd{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (fd) return fd;
    const bool is_denied = errno == EACCES;
    return util::fail_errno(errno, "cannot open the queue directory " + path.string(),
                            is_denied ? remedy_of(EACCES, options) : k_where);
}

}  // namespace

// What one read() works with.
struct QueueReader::Round {
    util::Fd queue_directory;
    util::BootTime deadline;
    std::size_t directories = 0;          // examined so far
    std::vector<QueueDirectory*> unread;  // examined, and to be read
    std::map<dev_t, bool> local{};        // which file systems are stamped here; asked once for each
};

// What one thread reads at a time: a directory or a part of one.
struct QueueReader::Stretch {
    QueueDirectory* directory;
    DirectoryPart part;
    std::optional<std::expected<DirectoryListing, int>> listing{};  // none: not read
};

// How many births one call may ask for, and how long.
struct QueueReader::BirthBudget {
    std::size_t left;
    util::BootTime deadline;
    util::BootTime until = util::BootTime::max();  // from the first one on: the way to it is not asking

    [[nodiscard]] bool take() {
        const auto now = util::BootClock::now();
        until = std::min({until, deadline, now + k_longest_asking});
        if (now >= until) left = 0;
        return left > 0 && left-- > 0;
    }
};

QueueReader::QueueReader(std::filesystem::path queue_directory, QueueReaderOptions options)
    : m_queue_directory(std::move(queue_directory)),
      m_options(options),
      m_queues{QueueDirectory{"active", Arrivals::ignored}, QueueDirectory{"deferred", Arrivals::wanted},
               QueueDirectory{"bounce", Arrivals::ignored}, QueueDirectory{"hold", Arrivals::ignored}} {}

util::Result<QueueCounts> QueueReader::read(util::BootTime deadline) {
    auto queue_directory = open_queue_directory(m_queue_directory, m_options);
    if (!queue_directory) return std::unexpected(queue_directory.error());
    Round round{std::move(*queue_directory), deadline, 0, {}, {}};
    m_helpers_time = 0;

    for (auto& queue : m_queues) {
        if (auto done = examine(round, round.queue_directory.get(), queue); !done) return std::unexpected(done.error());
    }
    if (round.directories == 0) {
        return util::fail(util::ErrorKind::invalid, m_queue_directory.string() +
                                                        " is no Postfix queue directory: it has neither active nor "
                                                        "deferred, bounce or hold; " +
                                                        std::string(k_where));
    }
    if (auto done = read_unread(round); !done) return std::unexpected(done.error());

    const auto& [active, deferred, bounce, hold] = m_queues;
    return QueueCounts{active.sum().files, deferred.sum().files, bounce.sum().files, hold.sum().files};
}

// Sets the directory aside for reading unless its stamp proves that nothing changed.
util::Result<void> QueueReader::examine(Round& round, int parent, QueueDirectory& directory) const {
    // In this order: whatever changes after the stamp was taken is stamped with this time or a later one.
    const FileTime now = m_options.now();
    struct stat status{};
    if (::fstatat(parent, directory.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return lost(directory, errno);
    if (!S_ISDIR(status.st_mode)) return lost(directory, ENOTDIR);
    if (++round.directories > k_most_directories || directory.depth > k_deepest) return failure(directory, EMLINK);
    if (!directory.settled || stamp_of(status) != directory.stamp) {
        directory.begin_reading(status, now, is_local(round, parent, directory, status.st_dev));
        round.unread.push_back(&directory);
        return {};
    }
    if (directory.subdirectories.empty()) return {};
    const auto fd = open_subdirectory(parent, directory.name, O_PATH);
    if (!fd) return lost(directory, fd.error());
    return examine_subdirectories(round, fd->get(), directory);
}

bool QueueReader::is_local(Round& round, int parent, const QueueDirectory& directory, dev_t device) const {
    const auto known = round.local.find(device);
    if (known != round.local.end()) return known->second;
    const auto fd = open_subdirectory(parent, directory.name, O_PATH);
    return round.local[device] = fd && m_options.stamped_here(fd->get());
}

util::Result<void> QueueReader::examine_subdirectories(Round& round, int fd, QueueDirectory& directory) const {
    for (const auto& subdirectory : directory.subdirectories) {
        if (auto done = examine(round, fd, *subdirectory); !done) return done;
    }
    return {};
}

util::Result<void> QueueReader::read_unread(Round& round) {
    while (!round.unread.empty()) {
        const auto batch = std::exchange(round.unread, {});
        if (auto done = read_directories(round, batch); !done) return done;
        for (QueueDirectory* directory : batch) {
            if (directory->subdirectories.empty()) continue;
            const auto fd = open_directory(round.queue_directory.get(), *directory, O_PATH);
            auto done = fd ? examine_subdirectories(round, fd->get(), *directory) : lost(*directory, fd.error());
            if (!done) return done;
        }
    }
    return {};
}

util::Result<void> QueueReader::read_directories(const Round& round, std::vector<QueueDirectory*> batch) {
    std::ranges::sort(batch, std::greater{},
                      &QueueDirectory::size_hint);  // the largest first, so that all end together
    const std::size_t threads = threads_for(batch);
    const std::size_t pieces = batch.size() < k_even_share * threads ? threads : 1;
    std::vector<Stretch> stretches;
    for (QueueDirectory* directory : batch) {
        for (const DirectoryPart& part : directory->parts(pieces)) stretches.push_back({directory, part});
    }
    read_stretches(round, stretches, threads);

    util::Result<void> outcome;
    for (auto first = stretches.begin(); first != stretches.end();) {
        const auto last = std::ranges::find_if(
            first, stretches.end(), [&](const QueueDirectory* directory) { return directory != first->directory; },
            &Stretch::directory);
        if (auto done = take_over(round, {first, last}); outcome && !done) outcome = std::move(done);
        first = last;
    }
    return outcome;
}

// No thread is kept for the next time: they are rarely needed, and starting one takes less than reading a directory.
void QueueReader::read_stretches(const Round& round, std::span<Stretch> stretches, std::size_t threads) {
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
        const auto buffer = std::make_unique_for_overwrite<std::byte[]>(k_buffer_bytes);
        for (std::size_t i = next++; i < stretches.size(); i = next++) {
            stretches[i].listing = read_stretch(round, stretches[i], {buffer.get(), k_buffer_bytes});
            if (!*stretches[i].listing && stretches[i].listing->error() == ETIMEDOUT) next = stretches.size();
        }
    };
    const auto help = [&] {
        work();
        m_helpers_time += util::thread_cpu_time().count();  // the thread is this work's alone
    };

    std::vector<Helper> helpers;
    helpers.reserve(threads);
    try {
        while (helpers.size() + 1 < std::min(threads, stretches.size())) {
            std::packaged_task<void()> task(help);
            auto outcome = task.get_future();
            helpers.push_back({std::move(outcome), std::jthread(std::move(task))});
            util::start_elsewhere(helpers.back().thread.native_handle(), static_cast<unsigned>(helpers.size()));
        }
    } catch (const std::system_error&) {
        // No more threads to be had: those that there are do it all.
    }
    work();
    for (auto& helper : helpers) helper.outcome.get();
}

std::expected<DirectoryListing, int> QueueReader::read_stretch(const Round& round, const Stretch& stretch,
                                                               std::span<std::byte> buffer) const {
    const auto fd = open_directory(round.queue_directory.get(), *stretch.directory, O_RDONLY);
    if (!fd) return std::unexpected(fd.error());
    return list_directory(fd->get(), buffer,
                          {stretch.directory->arrivals, m_options.types, round.deadline, stretch.part});
}

// All stretches of one directory.
util::Result<void> QueueReader::take_over(const Round& round, std::span<Stretch> stretches) {
    QueueDirectory& directory = *stretches.front().directory;
    DirectoryListing whole;
    for (auto& [its_directory, part, listing] : stretches) {
        if (!listing) return {};  // another one's failure ended the reading
        if (!*listing) {
            directory.landmarks.clear();  // the file system may not know them any more
            return lost(directory, listing->error());
        }
        whole.append(std::move(**listing), part);
    }
    if (stretches.size() > 1 && !whole.ordered) {
        directory.landmarks.clear();
        Stretch again{&directory, {}};
        read_stretches(round, {&again, 1}, 1);
        return take_over(round, {&again, 1});
    }
    ++m_directories_read;
    directory.adopt(std::move(whole));
    return {};
}

std::optional<std::chrono::microseconds> QueueReader::oldest_deferred(util::BootTime deadline) {
    QueueDirectory& deferred = m_queues[k_deferred];
    const auto known = [&]() -> std::optional<std::chrono::microseconds> {
        const auto sum = deferred.sum();
        return sum.dated ? sum.oldest : std::nullopt;
    };
    const auto sum = deferred.sum();
    const bool is_first = !std::exchange(m_births_begun, true);
    if (sum.dated || (is_first && sum.files > k_fewest_births)) return known();
    if (std::max(sum.files, sum.births) > m_options.most_births) {
        deferred.forget_births();
        return known();
    }
    const auto queue_directory = open_queue_directory(m_queue_directory, m_options);
    if (!queue_directory) return {};
    const auto now = util::BootClock::now();
    BirthBudget budget{.left = std::clamp<std::size_t>(sum.files / 4, k_fewest_births, k_most_births_a_call),
                       .deadline = now + (deadline - now) / 2};
    ask_births(queue_directory->get(), deferred, budget);
    return known();
}

// What fails here is tried again by the next call; the value is absent until then.
void QueueReader::ask_births(int queue_directory, QueueDirectory& directory, BirthBudget& budget) const {
    for (const auto& subdirectory : directory.subdirectories) ask_births(queue_directory, *subdirectory, budget);
    if (directory.is_dated() || budget.left == 0) return;
    const auto fd = open_directory(queue_directory, directory, O_RDONLY);
    if (!fd) return;
    const auto ask = [&](const char* name) {
        if (directory.births.keep(name)) return true;
        if (!budget.take()) return false;
        const auto birth = m_options.birth_of(fd->get(), name);
        if (birth) directory.births.add(name, *birth);
        if (!birth && birth.error() != ENOENT) budget.left = 0;  // it would be the same with the next
        return birth || birth.error() == ENOENT;
    };
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(k_buffer_bytes);
    directory.births.begin_pass();
    const auto listing = list_directory(fd->get(), {buffer.get(), k_buffer_bytes},
                                        {directory.arrivals, m_options.types, budget.deadline, {}, ask});
    directory.births.end_pass(listing.has_value());
    if (!listing) return;
    directory.births_of = directory.times_read;
    directory.oldest = earlier(listing->oldest, directory.births.oldest());
}

std::size_t QueueReader::threads_for(const std::vector<QueueDirectory*>& batch) const {
    std::uintmax_t bytes = 0;
    for (const QueueDirectory* directory : batch) bytes += directory->size_hint;
    if (bytes < m_options.parallel_from_bytes) return 1;
    const unsigned cores = std::min(std::max(std::thread::hardware_concurrency(), 1U), k_most_threads);
    return m_options.threads == 0 ? cores : m_options.threads;
}

// What comes of a directory that cannot be reached: gone, and so empty, or an error. In a queue's own place something
// that is no directory is an error: a link to another disk would otherwise pass for an empty queue.
util::Result<void> QueueReader::lost(QueueDirectory& directory, int error) const {
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
