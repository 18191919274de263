// SPDX-License-Identifier: MIT
#include "ceymail/collect/birth_times.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

namespace ceymail::collect {
namespace {

// FNV-1a with MurmurHash3's finalizer. One in 40 million queues of a million names has two names of the same key.
std::uint64_t key_of(std::string_view name) noexcept {
    std::uint64_t key = 0xcbf29ce484222325;
    for (const char letter : name) key = (key ^ static_cast<unsigned char>(letter)) * 0x100000001b3;
    key = (key ^ (key >> 33U)) * 0xff51afd7ed558ccd;
    key = (key ^ (key >> 33U)) * 0xc4ceb9fe1a85ec53;
    return key ^ (key >> 33U);
}

}  // namespace

std::expected<std::chrono::microseconds, int> birth_of(int directory, const char* name) noexcept {
    struct statx status{};
    // A cached value is sufficient: a birth time does not change.
    constexpr int k_flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    if (::statx(directory, name, k_flags, STATX_BTIME, &status) != 0) return std::unexpected(errno);
    // btrfs returns 0 for a file that was created before it stored birth times.
    if ((status.stx_mask & STATX_BTIME) == 0 || status.stx_btime.tv_sec <= 0) return std::unexpected(ENODATA);
    return std::chrono::seconds(status.stx_btime.tv_sec) + std::chrono::microseconds(status.stx_btime.tv_nsec / 1000);
}

void BirthTimes::begin_pass() {
    m_kept.assign(m_known.size(), false);
    m_added.clear();
}

// Returns: the index of the first key that is not less, by interpolation search. Keys are uniform: in a directory of
// 60,000 the estimate is off by some hundred neighbouring entries.
std::size_t BirthTimes::place_of(std::uint64_t key) const {
    std::size_t place = (key >> 32U) * m_known.size() >> 32U;
    while (place > 0 && m_known[place - 1].key >= key) --place;
    while (place < m_known.size() && m_known[place].key < key) ++place;
    return place;
}

bool BirthTimes::keep(std::string_view name) {
    const std::uint64_t key = key_of(name);
    const std::size_t place = place_of(key);
    if (place == m_known.size() || m_known[place].key != key) return false;
    m_kept[place] = true;
    return true;
}

void BirthTimes::add(std::string_view name, std::chrono::microseconds birth) {
    m_added.push_back({key_of(name), birth});
}

void BirthTimes::end_pass(bool is_complete) {
    if (is_complete) {
        std::size_t left = 0;
        for (std::size_t i = 0; i < m_known.size(); ++i) {
            if (m_kept[i]) m_known[left++] = m_known[i];
        }
        m_known.resize(left);
    }
    std::ranges::sort(m_added, {}, &Birth::key);
    m_known.reserve(m_known.size() + m_added.size());  // insert() alone would double the capacity
    const auto middle = m_known.insert(m_known.end(), m_added.begin(), m_added.end());
    std::ranges::inplace_merge(m_known, middle, {}, &Birth::key);
    m_kept = {};
    m_added = {};
}

std::optional<std::chrono::microseconds> BirthTimes::oldest() const {
    if (m_known.empty()) return {};
    return std::ranges::min(m_known, {}, &Birth::at).at;
}

bool BirthTimes::add_to(ArrivalTimes& arrivals, ArrivalAllowance& allowance) const {
    return std::ranges::all_of(m_known, [&](const Birth& birth) { return arrivals.add(birth.at, allowance); });
}

}  // namespace ceymail::collect
