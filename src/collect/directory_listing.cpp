// SPDX-License-Identifier: MIT
// DirectoryListing: what one directory holds, counted without keeping its names.
#include "ceymail/collect/directory_listing.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <string_view>

#include "ceymail/collect/queue_id.hpp"

namespace ceymail::collect {
namespace {

// A DT_ value; DT_UNKNOWN for an entry that went away. An errno where the system cannot tell.
std::expected<unsigned char, int> ask_type(int directory, const char* name) {
    struct stat status{};
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return static_cast<unsigned char>(IFTODT(status.st_mode));
    }
    if (errno == ENOENT) return static_cast<unsigned char>(DT_UNKNOWN);
    return std::unexpected(errno);
}

// 0 or an errno.
int take_file(DirectoryListing& listing, const char* name, const ListingOrder& order) {
    ++listing.files;
    if (order.arrivals == Arrivals::ignored) return 0;
    if (!listing.dated && !order.on_undated) return 0;  // one without a date spoils it for all
    if (const auto arrival = arrival_of(name)) {
        listing.oldest = earlier(listing.oldest, arrival);
        return 0;
    }
    listing.dated = false;
    return !order.on_undated || order.on_undated(name) ? 0 : ECANCELED;
}

bool is_subdirectory_name(std::string_view name) { return name.size() == 1 && name != "."; }

// 0 or an errno.
int take_entry(DirectoryListing& listing, int directory, const dirent64& entry, const ListingOrder& order) {
    const std::string_view name = entry.d_name;
    const bool is_subdirectory = is_subdirectory_name(name);
    if (!is_subdirectory && !is_message_name(name)) return 0;
    unsigned char type = order.types == EntryTypes::believed ? entry.d_type : static_cast<unsigned char>(DT_UNKNOWN);
    if (type == DT_UNKNOWN) {
        const auto answer = ask_type(directory, entry.d_name);
        if (!answer) return answer.error();
        type = *answer;
    }
    if (is_subdirectory && type == DT_DIR) listing.subdirectories.emplace_back(name);
    return !is_subdirectory && type == DT_REG ? take_file(listing, entry.d_name, order) : 0;
}

bool is_past(DirectoryPosition position, const DirectoryPart& part) { return part.end && position >= *part.end; }

int take_entries(DirectoryListing& listing, int directory, std::span<const std::byte> entries,
                 const ListingOrder& order) {
    while (!entries.empty() && !is_past(listing.reached, order.part)) {
        const auto* entry = reinterpret_cast<const dirent64*>(entries.data());
        if (const int error = take_entry(listing, directory, *entry, order); error != 0) return error;
        listing.ordered &= entry->d_off > listing.reached;
        listing.reached = entry->d_off;  // where the next one is
        entries = entries.subspan(entry->d_reclen);
    }
    return 0;
}

}  // namespace

// A part that begins where an entry has gone is led to the next one there is, which may be behind its end: what the
// part before has reached tells.
void DirectoryListing::append(DirectoryListing&& next, const DirectoryPart& part) {
    ordered &= next.ordered;
    if (is_past(reached, part)) return;
    files += next.files;
    dated &= next.dated;
    oldest = earlier(oldest, next.oldest);
    std::ranges::move(next.subdirectories, std::back_inserter(subdirectories));
    if (part.begin != 0) landmarks.push_back(part.begin);
    landmarks.insert(landmarks.end(), next.landmarks.begin(), next.landmarks.end());
    reached = next.reached;
}

std::expected<DirectoryListing, int> list_directory(int fd, std::span<std::byte> buffer, const ListingOrder& order) {
    DirectoryListing listing{.reached = order.part.begin};
    if (order.part.begin != 0 && ::lseek(fd, order.part.begin, SEEK_SET) < 0) return std::unexpected(errno);
    while (!is_past(listing.reached, order.part)) {
        if (util::BootClock::now() >= order.deadline) return std::unexpected(ETIMEDOUT);
        const ssize_t got = ::getdents64(fd, buffer.data(), buffer.size());
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == ENOENT) return DirectoryListing{};  // removed, so it was empty at the end
        if (got < 0) return std::unexpected(errno);
        if (listing.reached != order.part.begin) listing.landmarks.push_back(listing.reached);
        const int error = take_entries(listing, fd, buffer.first(static_cast<std::size_t>(got)), order);
        if (error != 0) return std::unexpected(error);
    }
    return listing;
}

}  // namespace ceymail::collect
