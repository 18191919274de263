// SPDX-License-Identifier: MIT
// FolderListing: what one folder holds, counted without keeping its names.
#include "ceymail/collect/folder_listing.hpp"

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
std::expected<unsigned char, int> ask_type(int folder, const char* name) {
    struct stat status{};
    if (::fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return static_cast<unsigned char>(IFTODT(status.st_mode));
    }
    if (errno == ENOENT) return static_cast<unsigned char>(DT_UNKNOWN);
    return std::unexpected(errno);
}

// 0 or an errno.
int take_file(FolderListing& listing, const char* name, const ListingOrder& order) {
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

bool is_subfolder_name(std::string_view name) { return name.size() == 1 && name != "."; }

// 0 or an errno.
int take_entry(FolderListing& listing, int folder, const dirent64& entry, const ListingOrder& order) {
    const std::string_view name = entry.d_name;
    const bool is_subfolder = is_subfolder_name(name);
    if (!is_subfolder && !is_message_name(name)) return 0;
    unsigned char type = order.types == EntryTypes::believed ? entry.d_type : static_cast<unsigned char>(DT_UNKNOWN);
    if (type == DT_UNKNOWN) {
        const auto answer = ask_type(folder, entry.d_name);
        if (!answer) return answer.error();
        type = *answer;
    }
    if (is_subfolder && type == DT_DIR) listing.subfolders.emplace_back(name);
    return !is_subfolder && type == DT_REG ? take_file(listing, entry.d_name, order) : 0;
}

bool is_past(FolderPosition position, const FolderPart& part) { return part.end && position >= *part.end; }

int take_entries(FolderListing& listing, int folder, std::span<const std::byte> entries, const ListingOrder& order) {
    while (!entries.empty() && !is_past(listing.reached, order.part)) {
        const auto* entry = reinterpret_cast<const dirent64*>(entries.data());
        if (const int error = take_entry(listing, folder, *entry, order); error != 0) return error;
        listing.ordered &= entry->d_off > listing.reached;
        listing.reached = entry->d_off;  // where the next one is
        entries = entries.subspan(entry->d_reclen);
    }
    return 0;
}

}  // namespace

// A part that begins where an entry has gone is led to the next one there is, which may be behind its end: what the
// part before has reached tells.
void FolderListing::append(FolderListing&& next, const FolderPart& part) {
    ordered &= next.ordered;
    if (is_past(reached, part)) return;
    files += next.files;
    dated &= next.dated;
    oldest = earlier(oldest, next.oldest);
    std::ranges::move(next.subfolders, std::back_inserter(subfolders));
    if (part.begin != 0) landmarks.push_back(part.begin);
    landmarks.insert(landmarks.end(), next.landmarks.begin(), next.landmarks.end());
    reached = next.reached;
}

std::expected<FolderListing, int> list_folder(int fd, std::span<std::byte> buffer, const ListingOrder& order) {
    FolderListing listing{.reached = order.part.begin};
    if (order.part.begin != 0 && ::lseek(fd, order.part.begin, SEEK_SET) < 0) return std::unexpected(errno);
    while (!is_past(listing.reached, order.part)) {
        if (util::BootClock::now() >= order.deadline) return std::unexpected(ETIMEDOUT);
        const ssize_t got = ::getdents64(fd, buffer.data(), buffer.size());
        if (got == 0) break;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == ENOENT) return FolderListing{};  // removed, so it was empty at the end
        if (got < 0) return std::unexpected(errno);
        if (listing.reached != order.part.begin) listing.landmarks.push_back(listing.reached);
        const int error = take_entries(listing, fd, buffer.first(static_cast<std::size_t>(got)), order);
        if (error != 0) return std::unexpected(error);
    }
    return listing;
}

}  // namespace ceymail::collect
