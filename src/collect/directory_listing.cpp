// SPDX-License-Identifier: MIT
#include "ceymail/collect/directory_listing.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string_view>

#include "ceymail/collect/queue_id.hpp"

namespace ceymail::collect {
namespace {

// Returns: a DT_ value; DT_UNKNOWN for an entry that was removed. Errors: an errno.
std::expected<unsigned char, int> ask_type(int directory, const char* name) {
    struct stat status{};
    if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        return static_cast<unsigned char>(IFTODT(status.st_mode));
    }
    if (errno == ENOENT) return static_cast<unsigned char>(DT_UNKNOWN);
    return std::unexpected(errno);
}

void remember(DirectoryListing& listing, std::chrono::microseconds arrival, ArrivalAllowance* allowance) {
    auto& times = listing.arrival_times;
    if (times && (allowance == nullptr || !times->add(arrival, *allowance))) times.reset();
}

// Returns: 0 or an errno.
int take_file(DirectoryListing& listing, const char* name, const ListingOptions& options) {
    ++listing.files;
    if (options.arrivals == Arrivals::ignored) return 0;
    if (!listing.dated && !options.on_undated) return 0;  // the oldest is unknown already
    if (const auto arrival = arrival_of(name)) {
        listing.oldest = earlier(listing.oldest, arrival);
        remember(listing, *arrival, options.allowance);
        return 0;
    }
    listing.dated = false;
    return !options.on_undated || options.on_undated(name) ? 0 : ECANCELED;
}

// Returns: 0 or an errno.
int take_entry(DirectoryListing& listing, int directory, const dirent64& entry, const ListingOptions& options) {
    const std::string_view name = entry.d_name;
    const bool is_subdirectory = name.size() == 1 && name != ".";
    if (!is_subdirectory && !is_message_name(name)) return 0;
    unsigned char type = options.types == EntryTypes::trusted ? entry.d_type : static_cast<unsigned char>(DT_UNKNOWN);
    if (type == DT_UNKNOWN) {
        const auto answer = ask_type(directory, entry.d_name);
        if (!answer) return answer.error();
        type = *answer;
    }
    if (is_subdirectory && type == DT_DIR) listing.subdirectories.emplace_back(name);
    return !is_subdirectory && type == DT_REG ? take_file(listing, entry.d_name, options) : 0;
}

}  // namespace

std::expected<DirectoryListing, int> list_directory(int fd, std::span<std::byte> buffer,
                                                    const ListingOptions& options) {
    DirectoryListing listing;
    for (;;) {
        if (util::BootClock::now() >= options.deadline) return std::unexpected(ETIMEDOUT);
        const ssize_t got = ::getdents64(fd, buffer.data(), buffer.size());
        if (got == 0) return listing;
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == ENOENT) return DirectoryListing{};  // removed, so it was empty at the end
        if (got < 0) return std::unexpected(errno);
        for (auto entries = buffer.first(static_cast<std::size_t>(got)); !entries.empty();) {
            const auto* entry = reinterpret_cast<const dirent64*>(entries.data());
            if (const int error = take_entry(listing, fd, *entry, options); error != 0) return std::unexpected(error);
            entries = entries.subspan(entry->d_reclen);
        }
    }
}

}  // namespace ceymail::collect
