// SPDX-License-Identifier: MIT
// QueueFolder: what is remembered of one folder of a queue, and of those in it.
#include "ceymail/collect/queue_folder.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ceymail/collect/queue_id.hpp"

namespace ceymail::collect {

QueueFolder::QueueFolder(std::string its_name, Arrivals its_arrivals, const QueueFolder* its_parent)
    : name(std::move(its_name)),
      arrivals(its_arrivals),
      parent(its_parent),
      depth(its_parent == nullptr ? 0 : its_parent->depth + 1) {}

void QueueFolder::begin_reading(const struct stat& status, FileTime now, bool by_our_clock) {
    const FolderStamp new_stamp = stamp_of(status);
    // Another folder of that name, and perhaps another file system's.
    if (new_stamp.inode != stamp.inode || new_stamp.device != stamp.device) {
        landmarks.clear();
        births.forget();
    }
    stamp = new_stamp;
    stamped_at = now;
    stamped_here = by_our_clock;
    settled = false;  // until it has been read to the end
    size_hint = static_cast<std::uintmax_t>(status.st_size);
}

void QueueFolder::adopt(FolderListing&& listing) {
    files = listing.files;
    dated = listing.dated;
    oldest = listing.oldest;
    ++times_read;
    if (dated) births.forget();
    landmarks = listing.ordered ? std::move(listing.landmarks) : std::vector<FolderPosition>{};
    settled = stamped_here && is_settled(stamp, stamped_at);

    auto before = std::exchange(subfolders, {});
    for (auto& subfolder : listing.subfolders) {
        const auto known = std::ranges::find_if(before, [&](const auto& old) { return old && old->name == subfolder; });
        subfolders.push_back(known != before.end()
                                 ? std::move(*known)
                                 : std::make_unique<QueueFolder>(std::move(subfolder), arrivals, this));
    }
}

std::vector<FolderPart> QueueFolder::parts(std::size_t pieces) const {
    pieces = std::clamp<std::size_t>(pieces, 1, landmarks.size() + 1);
    std::vector<FolderPart> parts(1);
    for (std::size_t i = 1; i < pieces; ++i) {
        const FolderPosition cut = landmarks[i * landmarks.size() / pieces];
        parts.back().end = cut;
        parts.push_back({.begin = cut});
    }
    return parts;
}

void QueueFolder::forget() noexcept {
    settled = false;
    files = 0;
    dated = true;
    oldest.reset();
    landmarks.clear();
    births.forget();
    subfolders.clear();
}

void QueueFolder::forget_births() noexcept {
    births.forget();
    births_of = 0;
    for (const auto& subfolder : subfolders) subfolder->forget_births();
}

QueueFolder::Sum QueueFolder::sum() const {
    Sum sum{files, births.size(), is_dated(), oldest};
    for (const auto& subfolder : subfolders) {
        const Sum below = subfolder->sum();
        sum.files += below.files;
        sum.births += below.births;
        sum.dated &= below.dated;
        sum.oldest = earlier(sum.oldest, below.oldest);
    }
    return sum;
}

std::filesystem::path QueueFolder::path() const {
    return parent == nullptr ? std::filesystem::path(name) : parent->path() / name;
}

std::expected<util::Fd, int> open_subfolder(int above, const std::string& name, int flags) {
    util::Fd fd{::openat(above, name.c_str(), flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!fd) return std::unexpected(errno);
    return fd;
}

std::expected<util::Fd, int> open_folder(int queue_directory, const QueueFolder& folder, int flags) {
    if (folder.parent == nullptr) return open_subfolder(queue_directory, folder.name, flags);
    const auto above = open_folder(queue_directory, *folder.parent, O_PATH);
    if (!above) return std::unexpected(above.error());
    return open_subfolder(above->get(), folder.name, flags);
}

}  // namespace ceymail::collect
