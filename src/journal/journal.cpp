// SPDX-License-Identifier: MIT
#include "ceymail/journal/journal.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <systemd/sd-journal.h>

#include "ceymail/journal/files.hpp"

namespace ceymail::journal {
namespace {

using util::ErrorKind;

constexpr std::uint64_t k_system_accounts = 1000;            // SYS_UID_MAX of login.defs(5) is 999
constexpr std::uint64_t k_cost_of_entry = 64;                // bytes, so that empty ones cost too
constexpr std::uint64_t k_scanned_until_closed = 2U << 20U;  // what was read stays mapped
constexpr int k_most_attempts = 100;
constexpr std::uint64_t k_note_interval_us = 600'000'000;

// In front of each line of a batch.
struct LineHeader {
    std::uint32_t identifier = 0;  // bytes
    std::uint32_t message = 0;     // bytes
};

constexpr std::size_t k_longest_line = sizeof(LineHeader) + k_longest_identifier + k_longest_message;
static_assert(Journal::k_space > 2 * k_longest_line);

std::optional<std::uint64_t> to_number(std::string_view text) noexcept {
    std::uint64_t number = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

std::byte* append(std::byte* to, std::string_view text) noexcept {
    return std::copy_n(reinterpret_cast<const std::byte*>(text.data()), text.size(), to);
}

}  // namespace

bool is_of_mail_system(std::optional<std::uint64_t> uid, std::string_view unit) noexcept {
    constexpr std::array<std::string_view, 5> k_units{"postfix", "dovecot", "spamd", "spamassassin", "opendkim"};
    const bool is_service = unit.ends_with(".service");
    if (is_service && std::ranges::any_of(k_units, [&](auto name) { return unit.starts_with(name); })) return true;
    if (!uid) return false;
    return *uid == 0 || (*uid < k_system_accounts && !is_service);
}

std::optional<Line> next_line(std::span<const std::byte>& lines) noexcept {
    LineHeader header;
    if (lines.size() < sizeof header) return std::nullopt;
    std::memcpy(&header, lines.data(), sizeof header);
    const auto rest = lines.subspan(sizeof header);
    if (header.identifier > k_longest_identifier || header.message > k_longest_message ||
        rest.size() < header.identifier + header.message)
        return std::nullopt;
    const auto* const text = reinterpret_cast<const char*>(rest.data());
    lines = rest.subspan(header.identifier + header.message);
    return Line{{text, header.identifier}, {text + header.identifier, header.message}};
}

void Journal::Close::operator()(sd_journal* journal) const noexcept { ::sd_journal_close(journal); }

std::unexpected<util::Error> Journal::failed(const char* what, int error) {
    m_journal.reset();
    return util::fail_errno(-error, what);
}

std::unexpected<util::Error> Journal::no_journal() const {
    const auto where = m_directory.empty() ? "/var/log/journal and /run/log/journal" : m_directory;
    return util::fail(ErrorKind::not_found, "there is no journal of the system in " + where +
                                                ", or it cannot be read; start systemd-journald, give the unit "
                                                "CAP_DAC_READ_SEARCH, or name a file by mail_log");
}

// Returns: false where a file is gone already. One file that is damaged, not yet whole or cannot be read must not keep
// the others from being read.
util::Result<bool> Journal::open_unread(const std::vector<std::string>& files) {
    auto opened = files;
    std::erase_if(opened, [this](const auto& file) { return std::ranges::binary_search(m_read, file); });
    sd_journal* journal = nullptr;
    int error = open_files(opened, journal);
    if (error < 0 && error != -ENOENT) {
        const auto cannot_open = [](const auto& file) { return !can_open(file); };
        std::erase_if(opened, cannot_open);
        if (opened.empty()) {
            opened = files;
            std::erase_if(opened, cannot_open);
        }
        if (opened.empty()) return no_journal();
        error = open_files(opened, journal);
    }
    if (error == -ENOENT) return false;
    if (error < 0) return failed("cannot open the journal", error);
    m_journal.reset(journal);
    m_archived = files;
    std::erase_if(m_archived, [&](const auto& file) {
        const bool is_known = std::ranges::binary_search(m_read, file) || std::ranges::binary_search(opened, file);
        return !is_archived(file) || !is_known;
    });
    return true;
}

// A file that is renamed between the list and the opening is not open, and its entries would be passed over. So the
// list must be the same afterwards.
util::Result<void> Journal::open() {
    if (m_journal) return {};
    for (int i = 0; !m_journal; ++i) {
        if (i == k_most_attempts) return failed("cannot open the journal, whose files change", -EBUSY);
        const auto files = list_files(m_directory);
        if (files.empty()) return no_journal();
        CEYMAIL_TRY_ASSIGN(const bool is_open, open_unread(files));
        if (!is_open || list_files(m_directory) != files) {
            m_journal.reset();
        }
    }
    m_has_read_file =
        std::ranges::any_of(m_read, [&](const auto& file) { return std::ranges::binary_search(m_archived, file); });
    m_is_sought = false;
    m_scanned_bytes = 0;
    constexpr std::string_view k_facility = "SYSLOG_FACILITY=2";
    if (const int refused = ::sd_journal_add_match(m_journal.get(), k_facility.data(), k_facility.size()); refused < 0)
        return failed("cannot look for mail in the journal", refused);
    ::sd_journal_set_data_threshold(m_journal.get(), k_longest_message + sizeof "MESSAGE=");
    return {};
}

util::Result<Position> Journal::position_of_entry() {
    char* text = nullptr;
    if (const int error = ::sd_journal_get_cursor(m_journal.get(), &text); error < 0)
        return failed("cannot read the journal", error);
    const std::unique_ptr<char, decltype(&std::free)> cursor(text, &std::free);
    if (auto position = from_cursor(cursor.get())) return *position;
    return failed("cannot read a cursor of the journal", -EBADMSG);
}

util::Result<std::string_view> Journal::field(const char* name) {
    const void* data = nullptr;
    std::size_t size = 0;
    const int error = ::sd_journal_get_data(m_journal.get(), name, &data, &size);
    if (error == -ENOENT) return std::string_view{};
    if (error < 0) return util::fail_errno(-error, "cannot read an entry of the journal");
    return std::string_view(static_cast<const char*>(data), size).substr(std::min(std::strlen(name) + 1, size));
}

util::Result<void> Journal::seek(const Position& from) {
    const int error = from.state == State::at_entry
                          ? ::sd_journal_seek_cursor(m_journal.get(), to_cursor(from).c_str())
                          : ::sd_journal_seek_realtime_usec(m_journal.get(), from.realtime_us + 1);
    if (error < 0) return failed("cannot find the place in the journal", error);
    m_passing = from.state == State::at_entry;
    return {};
}

util::Result<Batch> Journal::begin_at_end(std::uint64_t now_us) {
    Batch batch;
    batch.at_end = 1;
    const int error = ::sd_journal_seek_tail(m_journal.get());
    const int found = error < 0 ? error : ::sd_journal_previous(m_journal.get());
    if (found < 0) return failed("cannot find the end of the journal", found);
    if (found > 0) {
        CEYMAIL_TRY_ASSIGN(batch.position, position_of_entry());
    } else {
        batch.position.state = State::since;
        batch.position.realtime_us = now_us;
    }
    batch.position.checked_us = now_us;
    return batch;
}

// A field is valid until the next one is read.
util::Result<void> Journal::take_entry(std::span<std::byte> space, Batch& batch) {
    CEYMAIL_TRY_ASSIGN(const auto uid, field("_UID"));
    const auto user = to_number(uid);
    CEYMAIL_TRY_ASSIGN(const auto unit, field("_SYSTEMD_UNIT"));
    if (!is_of_mail_system(user, unit)) {
        ++batch.foreign;
        return {};
    }
    auto* const begin = space.data() + batch.size;
    auto* end = begin + sizeof(LineHeader);
    LineHeader header;
    CEYMAIL_TRY_ASSIGN(const auto identifier, field("SYSLOG_IDENTIFIER"));
    const auto name = identifier.substr(0, k_longest_identifier);
    end = append(end, name);
    header.identifier = static_cast<std::uint32_t>(name.size());
    CEYMAIL_TRY_ASSIGN(const auto message, field("MESSAGE"));
    auto text = message.substr(0, k_longest_message);
    if (text.ends_with('\n')) text.remove_suffix(1);  // as rsyslog does
    end = append(end, text);
    header.message = static_cast<std::uint32_t>(text.size());
    std::memcpy(begin, &header, sizeof header);
    const auto used = static_cast<std::size_t>(end - begin);
    batch.size += used;
    batch.scanned_bytes += used;
    return {};
}

util::Result<void> Journal::read_entries(const Position& from, std::span<std::byte> space, Batch& batch) {
    for (std::uint64_t i = 0; i < k_most_entries && space.size() - batch.size >= k_longest_line; ++i) {
        const int found = ::sd_journal_next(m_journal.get());
        if (found < 0) return failed("cannot read the journal", found);
        batch.at_end = found == 0 ? 1 : 0;
        if (found == 0) return {};
        CEYMAIL_TRY_ASSIGN(auto position, position_of_entry());
        batch.scanned_bytes += k_cost_of_entry;
        if (m_passing && (position.is_same_entry(from) ||
                          (position.boot_id == from.boot_id && position.monotonic_us < from.monotonic_us)))
            continue;
        m_passing = false;
        position.checked_us = batch.position.checked_us;
        batch.position = position;
        // One entry that is damaged must not keep all others from being read.
        if (!take_entry(space, batch)) ++batch.gaps;
    }
    return {};
}

void Journal::close_if_due(const Batch& batch) noexcept {
    if (batch.at_end) m_read = m_archived;
    m_scanned_bytes += batch.scanned_bytes;
    if (m_files == Files::closed_at_end && (batch.at_end || m_scanned_bytes > k_scanned_until_closed)) close();
}

util::Result<Batch> Journal::read(const Position& from, std::span<std::byte> space, std::uint64_t now_us) {
    const bool goes_on = m_position == from && from.state != State::none;
    if (!goes_on) {
        m_read.clear();
        if (m_files == Files::closed_at_end) close();
    }
    CEYMAIL_TRY(open());
    std::uint64_t oldest_us = 0;  // 0: no entry
    std::uint64_t newest_us = 0;
    const int error = ::sd_journal_get_cutoff_realtime_usec(m_journal.get(), &oldest_us, &newest_us);
    if (error < 0) return failed("cannot read the journal", error);
    Batch batch;
    batch.position = from;
    if (from.state == State::none) {
        CEYMAIL_TRY_ASSIGN(batch, begin_at_end(now_us));
        m_is_sought = false;
    } else {
        const auto known_us = std::max({from.realtime_us, from.checked_us, goes_on ? m_end_seen_us : 0});
        // The oldest files are deleted first. Where one is left that was read, none was deleted that was not.
        if (oldest_us > known_us && !m_has_read_file) ++batch.gaps;
        if (!goes_on || !m_is_sought) CEYMAIL_TRY(seek(from));
        CEYMAIL_TRY(read_entries(from, space, batch));
        m_is_sought = from.state == State::at_entry || batch.position != from;
        const bool is_note_due = now_us - from.checked_us >= k_note_interval_us;  // also after the clock was set back
        if (batch.at_end && (is_note_due || batch.gaps > 0 || batch.position != from))
            batch.position.checked_us = now_us;
        if (!batch.at_end) batch.behind_us = newest_us - std::min(newest_us, batch.position.realtime_us);
    }
    m_position = batch.position;
    if (batch.at_end) m_end_seen_us = now_us;
    close_if_due(batch);
    return batch;
}

}  // namespace ceymail::journal
