// SPDX-License-Identifier: MIT
#include "ceymail/collect/queue_directory.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ceymail/collect/queue_id.hpp"

namespace ceymail::collect {

QueueDirectory::QueueDirectory(std::string its_name, Arrivals its_arrivals, const QueueDirectory* its_parent)
    : name(std::move(its_name)),
      arrivals(its_arrivals),
      parent(its_parent),
      depth(its_parent == nullptr ? 0 : its_parent->depth + 1) {}

void QueueDirectory::begin_reading(const struct stat& status, FileTime now, bool local_timestamps) {
    const DirectoryStamp new_stamp = stamp_of(status);
    if (new_stamp.inode != stamp.inode || new_stamp.device != stamp.device) births.forget();
    messages.arrival_times.reset();  // now, so that the allowance for new ones has their room
    stamp = new_stamp;
    settles = local_timestamps && is_settled(stamp, now);
    settled = false;  // until the whole directory is read
    size_hint = static_cast<std::uintmax_t>(status.st_size);
}

void QueueDirectory::adopt(DirectoryListing&& listing) {
    messages = static_cast<Messages&&>(listing);  // not its subdirectories
    ++times_read;
    if (messages.dated) births.forget();
    if (!messages.dated) messages.arrival_times.reset();
    if (messages.arrival_times) messages.arrival_times->sort();
    settled = settles;

    auto before = std::exchange(subdirectories, {});
    for (auto& subdirectory : listing.subdirectories) {
        const auto known =
            std::ranges::find_if(before, [&](const auto& old) { return old && old->name == subdirectory; });
        subdirectories.push_back(known != before.end()
                                     ? std::move(*known)
                                     : std::make_unique<QueueDirectory>(std::move(subdirectory), arrivals, this));
    }
}

void QueueDirectory::adopt_births(DirectoryListing&& dated_part, ArrivalAllowance& allowance) {
    births_of = times_read;
    messages.oldest = earlier(dated_part.oldest, births.oldest());
    auto& times = messages.arrival_times = std::move(dated_part.arrival_times);
    if (times && !births.add_to(*times, allowance)) times.reset();
    if (times) times->sort();
}

void QueueDirectory::forget() noexcept {
    settled = false;
    messages = {};
    births.forget();
    subdirectories.clear();
}

void QueueDirectory::read_again_for_arrival_times(std::size_t& left) noexcept {
    const std::size_t wanted = messages.files + ArrivalTimes::k_step;
    if (is_dated() && !messages.arrival_times && wanted <= left) {
        settled = false;
        left -= wanted;
    }
    for (const auto& subdirectory : subdirectories) subdirectory->read_again_for_arrival_times(left);
}

void QueueDirectory::forget_births() noexcept {
    births.forget();
    births_of = 0;
    if (!messages.dated) messages.arrival_times.reset();
    for (const auto& subdirectory : subdirectories) subdirectory->forget_births();
}

QueueDirectory::Sum QueueDirectory::sum() const {
    const auto& times = messages.arrival_times;
    Sum sum{messages.files, births.size(), is_dated(), messages.oldest, times ? times->size() : 0, times.has_value()};
    for (const auto& subdirectory : subdirectories) {
        const Sum below = subdirectory->sum();
        sum.files += below.files;
        sum.births += below.births;
        sum.dated &= below.dated;
        sum.oldest = earlier(sum.oldest, below.oldest);
        sum.arrival_times += below.arrival_times;
        sum.has_arrival_times &= below.has_arrival_times;
    }
    return sum;
}

std::uint64_t QueueDirectory::arrived_before(std::chrono::seconds time) const {
    std::uint64_t count = messages.arrival_times ? messages.arrival_times->before(time) : 0;
    for (const auto& subdirectory : subdirectories) count += subdirectory->arrived_before(time);
    return count;
}

std::filesystem::path QueueDirectory::path() const {
    return parent == nullptr ? std::filesystem::path(name) : parent->path() / name;
}

std::expected<util::Fd, int> open_subdirectory(int above, const std::string& name, int flags) {
    util::Fd fd{::openat(above, name.c_str(), flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd) return std::unexpected(errno);
    return fd;
}

std::expected<util::Fd, int> open_directory(int queue_directory, const QueueDirectory& directory, int flags) {
    if (directory.parent == nullptr) return open_subdirectory(queue_directory, directory.name, flags);
    const auto above = open_directory(queue_directory, *directory.parent, O_PATH);
    if (!above) return std::unexpected(above.error());
    return open_subdirectory(above->get(), directory.name, flags);
}

}  // namespace ceymail::collect
