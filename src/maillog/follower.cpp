// SPDX-License-Identifier: MIT
#include "ceymail/maillog/follower.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ceymail/maillog/parser.hpp"

namespace ceymail::maillog {
namespace {

constexpr std::size_t k_most_files = 8;

// A block at which the reader has died is read alone, and at last skipped: one line that the parser cannot take must
// not keep all others from being counted.
constexpr std::uint64_t k_deaths_until_alone = 3;
constexpr std::uint64_t k_deaths_until_skipped = 6;

util::Result<std::vector<LogFile>> look_at(std::vector<util::Fd> files) {
    std::vector<LogFile> known;
    for (auto& fd : files) {
        CEYMAIL_TRY_ASSIGN(const auto status, status_of(fd.get()));
        const auto is_same = [&](const LogFile& other) { return other.status.is_same_file(status); };
        if (std::ranges::none_of(known, is_same)) known.push_back({.fd = std::move(fd), .status = status});
    }
    return known;
}

}  // namespace

// model: mail-log/hand-over
util::Result<bool> Follower::hand_over(std::vector<util::Fd> files, Opened opened) {
    CEYMAIL_TRY_ASSIGN(auto known, look_at(std::move(files)));
    if (m_files.empty()) return take_up(std::move(known), opened);
    CEYMAIL_TRY_ASSIGN(m_files.back().status, status_of(m_files.back().fd.get()));
    const auto appended = append(std::move(known));
    commit();
    CEYMAIL_TRY(appended);
    return true;
}

util::Result<bool> Follower::take_up(std::vector<LogFile> files, Opened opened) {
    const auto last = position();
    if (files.empty()) {
        if (last.state == PositionState::none) draft().position(m_log).state = PositionState::waiting;
        commit();
        return true;
    }
    CEYMAIL_TRY_ASSIGN(const auto older, count_older(files));
    CEYMAIL_TRY_ASSIGN(const auto place, find_place(files, older, last, m_block));
    if (place.is_lost && opened == Opened::before_start) return false;
    CEYMAIL_TRY(note_older(files, place.file));
    if (place.position != last) draft().position(m_log) = place.position;
    if (place.skipped_bytes > 0) draft().skipped(m_log) += place.skipped_bytes;
    commit();
    files.erase(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(place.file));
    m_files = std::move(files);
    m_read_up_to = {};
    return true;
}

util::Result<void> Follower::append(std::vector<LogFile> files) {
    CEYMAIL_TRY_ASSIGN(const auto first, first_newer(files));
    for (auto i = first; i < files.size(); ++i) {
        const auto is_same = [&](const LogFile& ours) { return ours.status.is_same_file(files[i].status); };
        if (std::ranges::none_of(m_files, is_same)) m_files.push_back(std::move(files[i]));
    }
    while (m_files.size() > k_most_files) CEYMAIL_TRY(go_on_to_next());
    return {};
}

// Where the newest of ours is not among the files, it is compressed or deleted. Of the others those are newer that were
// written after it.
util::Result<std::size_t> Follower::first_newer(const std::vector<LogFile>& files) {
    const auto& newest = m_files.back().status;
    const auto ours =
        std::ranges::find_if(files, [&](const LogFile& file) { return file.status.is_same_file(newest); });
    if (ours != files.end()) {
        const auto index = static_cast<std::size_t>(ours - files.begin());
        CEYMAIL_TRY(note_older(files, index));
        return index + 1;
    }
    CEYMAIL_TRY_ASSIGN(const auto older, count_older(files));
    for (auto i = older; i < files.size(); ++i)
        if (files[i].status.modified_ns > newest.modified_ns) return i;
    return std::max(older, files.empty() ? 0 : files.size() - 1);
}

// A file that is older than ours stays so, also when something gives it a later time.
util::Result<void> Follower::note_older(const std::vector<LogFile>& files, std::size_t newest) {
    if (newest == 0) return {};
    const auto& file = files[newest - 1];
    if (m_older.state != PositionState::none && m_older.file.is_same_file(file.status)) return {};
    CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(file.fd.get()));
    m_older = {.file = file.status, .offset = file.status.size, .state = PositionState::at_line};
    start.mark(m_older);
    return {};
}

// The start is compared too: inode numbers come back.
util::Result<std::size_t> Follower::count_older(const std::vector<LogFile>& files) const {
    if (m_older.state == PositionState::none || files.empty() || !files[0].status.is_same_file(m_older.file)) return 0U;
    CEYMAIL_TRY_ASSIGN(const auto start, FileStart::read(files[0].fd.get()));
    return start.is_copy_of(m_older) ? 1U : 0U;
}

util::Result<Follower::Progress> Follower::read(std::size_t limit, util::BootTime now) {
    if (m_files.empty()) return Progress{};
    const auto progress = read_on(limit, now);
    if (!progress || progress->lost_place) m_files.clear();  // model: mail-log/close-after-error
    // Also after an error: the follower of another log would begin its draft over this one.
    commit();
    return progress;
}

util::Result<Follower::Progress> Follower::read_on(std::size_t limit, util::BootTime now) {
    CEYMAIL_TRY_ASSIGN(const auto outcome, read_files(limit, now));
    if (outcome == Outcome::lost_place) return Progress{.unread_bytes = 0, .lost_place = true};
    auto unread = position().unread_bytes();
    for (std::size_t i = 1; i < m_files.size(); ++i) {
        CEYMAIL_TRY_ASSIGN(const auto status, status_of(m_files[i].fd.get()));
        unread += status.size;
    }
    if (m_kept.committed().unread(m_log) != unread) draft().unread(m_log) = unread;
    return Progress{.unread_bytes = unread, .lost_place = false};
}

util::Result<Follower::Outcome> Follower::read_files(std::size_t limit, util::BootTime now) {
    for (;;) {
        // Asked before the end of this file is looked for: from now on no more is written to it.
        CEYMAIL_TRY_ASSIGN(const bool is_complete, next_has_bytes());  // model: mail-log/look-at-next
        CEYMAIL_TRY_ASSIGN(const auto outcome, read_file(limit, now));
        if (outcome != Outcome::at_end || !is_complete) return outcome;
        CEYMAIL_TRY(go_on_to_next());
    }
}

util::Result<Follower::Outcome> Follower::read_file(std::size_t& left, util::BootTime now) {
    const int fd = m_files.front().fd.get();
    CEYMAIL_TRY_ASSIGN(const auto status, status_of(fd));
    if (status == m_read_up_to) return Outcome::at_end;
    m_read_up_to = {};
    if (status.size < position().offset) return Outcome::lost_place;
    for (;;) {
        // model: mail-log/read-block
        CEYMAIL_TRY_ASSIGN(const auto filled, read_at(fd, m_block, position().offset));
        // Looked at after the block was read: so the block is of that file too, and not of one that was truncated and
        // has grown beyond the offset since.
        CEYMAIL_TRY_ASSIGN(const auto start,
                           position().offset > 0 ? FileStart::read(fd) : FileStart(std::span(m_block).first(filled)));
        if (!start.is_of(position())) return Outcome::lost_place;
        const auto consumed = consume(filled, now);
        if (consumed == 0) break;
        draft().position(m_log).file = status;
        start.mark(draft().position(m_log));
        left -= std::min(left, consumed);
        if (left == 0 || m_kept.attempts() > k_deaths_until_alone) return Outcome::at_limit;
    }
    if (position().file != status) draft().position(m_log).file = status;
    m_read_up_to = status;
    return Outcome::at_end;
}

util::Result<bool> Follower::next_has_bytes() const {
    for (std::size_t i = 1; i < m_files.size(); ++i) {
        CEYMAIL_TRY_ASSIGN(const auto status, status_of(m_files[i].fd.get()));
        if (status.size > 0) return true;
    }
    return false;
}

// Gives up what is unread of the first file.
util::Result<void> Follower::go_on_to_next() {
    CEYMAIL_TRY_ASSIGN(const auto status, status_of(m_files.front().fd.get()));
    CEYMAIL_TRY_ASSIGN(const auto next, begin_of_next(m_files[1].fd.get(), position()));
    if (status.size > position().offset) draft().skipped(m_log) += status.size - position().offset;
    draft().position(m_log) = next;  // model: mail-log/go-on-to-next
    m_files.erase(m_files.begin());
    m_read_up_to = {};
    return {};
}

// Returns: how many of the first `filled` bytes of the block were used up; 0 when there is no whole line.
std::size_t Follower::consume(std::size_t filled, util::BootTime now) {
    const std::string_view text(reinterpret_cast<const char*>(m_block.data()), filled);
    if (text.empty()) return 0;
    if (position().state == PositionState::within_line) return skip_rest_of_line(text);
    const auto* const last = static_cast<const char*>(memrchr(text.data(), '\n', text.size()));
    if (last == nullptr) return filled == m_block.size() ? skip_unending(text) : 0;
    const auto whole = static_cast<std::size_t>(last - text.data()) + 1;
    parse_lines(text.substr(0, whole), now);  // model: mail-log/count-line
    draft().position(m_log).offset += whole;  // model: mail-log/move-position
    return whole;
}

std::size_t Follower::skip_rest_of_line(std::string_view text) {
    const auto end = text.find('\n');
    const auto rest = end == text.npos ? text.size() : end + 1;
    auto& reading = draft();
    reading.skipped(m_log) += rest;
    reading.position(m_log).offset += rest;
    if (end != text.npos) reading.position(m_log).state = PositionState::at_line;
    return rest;
}

// A block without LF is part of a line that is too long, but for the NUL bytes that a crash leaves in front of a line.
std::size_t Follower::skip_unending(std::string_view text) {
    auto& reading = draft();
    const auto nul = std::min(text.find_first_not_of('\0'), text.size());
    if (nul == 0) {
        reading.skipped(m_log) += text.size();
        reading.position(m_log).state = PositionState::within_line;
    }
    const auto used = nul == 0 ? text.size() : nul;
    reading.position(m_log).offset += used;
    return used;
}

void Follower::parse_lines(std::string_view lines, util::BootTime now) {
    auto& reading = draft();
    if (m_kept.attempts() > k_deaths_until_skipped) {
        reading.skipped(m_log) += lines.size();
        return;
    }
    if (m_log == Log::mail) return parse(lines, now, reading.counters);
    parse_fail2ban(lines, reading.counters);
}

const Position& Follower::position() const noexcept {
    return (m_draft != nullptr ? *m_draft : m_kept.committed()).position(m_log);
}

Reading& Follower::draft() noexcept {
    if (m_draft == nullptr) m_draft = &m_kept.begin();
    return *m_draft;
}

void Follower::commit() noexcept {
    if (std::exchange(m_draft, nullptr) != nullptr) m_kept.commit();
}

}  // namespace ceymail::maillog
