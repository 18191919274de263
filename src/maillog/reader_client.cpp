// SPDX-License-Identifier: MIT
#include "ceymail/maillog/reader_client.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/stat.h>

#include "ceymail/maillog/open_log.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::maillog {
namespace {

using util::BootClock;
using util::ErrorKind;

constexpr std::uint64_t k_largest = 1ULL << 53U;  // a double holds all whole numbers up to here

bool is_count(std::uint64_t value) noexcept { return value <= k_largest; }

template <class Table>
bool are_counts(const Table& table) noexcept {
    return std::ranges::all_of(table.values, is_count);
}

// Each value of a bucket lies above the bound of the bucket before.
bool sum_fits_buckets(const DelayHistogram& histogram) noexcept {
    std::uint64_t count = histogram.buckets[0];
    double least = 0;
    for (std::size_t i = 1; i < histogram.buckets.size(); ++i) {
        count += histogram.buckets[i];
        least += static_cast<double>(histogram.buckets[i]) * k_delay_bounds[i - 1] * k_microseconds;
    }
    const auto sum = static_cast<double>(histogram.sum_microseconds);
    constexpr double k_rounding = 1e-9;
    return is_count(count) && sum >= least * (1 - k_rounding) && (count != 0 || histogram.sum_microseconds == 0);
}

}  // namespace

bool is_plausible(const Reading& reading) noexcept {
    const Counters& c = reading.counters;
    return c.is_valid() && are_counts(c.lines) && is_count(c.skipped_bytes) && are_counts(c.unparsed) &&
           are_counts(c.received) && are_counts(c.recipients) && is_count(c.expired) && are_counts(c.failures) &&
           are_counts(c.rejects) && std::ranges::all_of(c.delivery_delay.buckets, is_count) &&
           sum_fits_buckets(c.delivery_delay) && is_count(c.milter_errors) && are_counts(c.warnings) &&
           are_counts(c.authentications) && are_counts(c.spam_verdicts) && are_counts(c.tls) &&
           std::ranges::all_of(c.bans.jails(), is_count, &BanTable::Jail::bans) && is_count(c.bans.others()) &&
           std::ranges::all_of(reading.unread_bytes, is_count) && is_count(reading.fail2ban_skipped_bytes) &&
           is_count(c.log_gaps) && is_count(c.foreign_lines) && is_count(reading.journal_behind_us);
}

ReaderClient::ReaderClient(int socket, const KeptReading& kept, LogPaths paths)
    : m_socket(socket),
      m_kept(kept),
      m_paths(std::move(paths)),
      m_reading(std::make_unique<Reading>()),
      // An answer for an earlier gatherer is none for this one.
      m_number(static_cast<std::uint64_t>(BootClock::now().time_since_epoch().count())) {}

bool ReaderClient::is_idle(Log log, const std::filesystem::path& path) const {
    if (path.empty()) return true;
    const Position& position = m_reading->position(log);
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) return errno == ENOENT && position.state == PositionState::waiting;
    const FileStatus found = file_status(status);
    return S_ISREG(status.st_mode) && position.state == PositionState::at_line && position.file == found &&
           position.offset == found.size;
}

bool ReaderClient::is_idle() const {
    return !m_reset && is_idle(Log::mail, m_paths.mail) && is_idle(Log::fail2ban, m_paths.fail2ban);
}

// A file is missing for a moment while it is rotated, and longer where syslog makes the new one with the first line.
ReaderClient::Source ReaderClient::choose_source() {
    if (m_paths.journal == JournalUse::never) return Source::file;
    if (m_paths.journal == JournalUse::always) return Source::journal;
    const bool reads_journal = m_reading->journal.state != journal::State::none;
    struct stat status{};
    if (::lstat(m_paths.mail.c_str(), &status) == 0 || errno != ENOENT) {
        m_missing_since.reset();
        return reads_journal ? Source::file_after_journal : Source::file;
    }
    if (reads_journal || !m_reading->position(Log::mail).is_in_file()) return Source::journal;
    const auto now = BootClock::now();
    if (!m_missing_since) m_missing_since = now;
    return now - *m_missing_since < m_paths.missing_for ? Source::file : Source::journal;
}

util::Result<ReadOutcome> ReaderClient::read_file(util::BootTime deadline) {
    if (is_idle()) return ReadOutcome::done;
    CEYMAIL_TRY_ASSIGN(const auto outcome, ask(Source::file, deadline));
    return outcome == ReadOutcome::lost_place ? ask(Source::file, deadline) : outcome;
}

util::Result<ReadOutcome> ReaderClient::leave_journal(util::BootTime deadline) {
    CEYMAIL_TRY_ASSIGN(const auto outcome, ask(Source::journal, deadline));
    if (outcome == ReadOutcome::done && m_reading->journal_behind_us > 0) return outcome;  // the next call goes on
    std::this_thread::sleep_for(k_settle);
    return ask(Source::file, deadline);
}

util::Result<ReadOutcome> ReaderClient::read_from(Source source, util::BootTime deadline) {
    if (source == Source::file) return read_file(deadline);
    if (source == Source::file_after_journal) return leave_journal(deadline);
    CEYMAIL_TRY_ASSIGN(const auto outcome, ask(Source::journal, deadline));
    if (outcome != ReadOutcome::no_journal) return outcome;
    if (m_paths.journal == JournalUse::without_file) return read_file(deadline);  // waits for it
    return util::fail(ErrorKind::not_found,
                      "there is no journal that can be read, and mail_log = journal; start systemd-journald, or name a "
                      "file by mail_log");
}

util::Result<const Reading*> ReaderClient::read(util::BootTime deadline) {
    m_reader_cpu_time = {};
    static_cast<void>(load());  // sets m_reset
    CEYMAIL_TRY_ASSIGN(const auto outcome, read_from(choose_source(), deadline));
    if (outcome == ReadOutcome::failed)
        return util::fail(ErrorKind::unavailable,
                          "the log reader cannot read the log; its line in the journal "
                          "(journalctl -u ceymail-metrics) has the cause");
    const bool has_seen_log = m_reading->journal.state != journal::State::none ||
                              std::ranges::any_of(m_reading->positions, &Position::is_in_file);
    return has_seen_log ? m_reading.get() : nullptr;
}

util::Result<void> ReaderClient::load() {
    m_reset = !m_kept.load(*m_reading) || !is_plausible(*m_reading);
    if (!m_reset) return {};
    return util::fail(ErrorKind::invalid, "the log reader left impossible counters; they start again at 0");
}

Position ReaderClient::last_position(Log log) const { return m_reset ? Position{} : m_reading->position(log); }

std::vector<util::Fd> ReaderClient::open_fail2ban() {
    auto files = open_log_files(m_paths.fail2ban, last_position(Log::fail2ban));
    m_has_fail2ban = files && !files->empty();
    if (files) {
        m_fail2ban_logged = false;
        return std::move(*files);
    }
    if (!std::exchange(m_fail2ban_logged, true))
        util::log(util::LogLevel::warning, {files.error().message, "; bans are not counted"});
    return {};
}

util::Result<ReadOutcome> ReaderClient::ask(Source source, util::BootTime deadline) {
    const auto now = BootClock::now();
    std::vector<util::Fd> files;
    const bool is_file = source == Source::file && !m_paths.mail.empty();
    if (is_file) {
        CEYMAIL_TRY_ASSIGN(files, open_log_files(m_paths.mail, last_position(Log::mail)));
    }
    const auto mail_files = files.size();
    if (!m_paths.fail2ban.empty()) std::ranges::move(open_fail2ban(), std::back_inserter(files));
    const util::BootTime until = std::min(deadline, util::BootTime(now + k_time_to_read));
    ReadRequest request{.number = ++m_number,
                        .deadline_ns = until.time_since_epoch().count(),
                        .limit = k_most_bytes,
                        .mail_files = static_cast<std::uint32_t>(mail_files),
                        .other_files = static_cast<std::uint32_t>(files.size() - mail_files),
                        .follow_mail = is_file ? 1U : 0U,
                        .follow_other = m_paths.fail2ban.empty() || m_fail2ban_logged ? 0U : 1U,
                        .reset = m_reset ? 1U : 0U,
                        .follow_journal = source == Source::journal ? 1U : 0U};
    CEYMAIL_TRY(send_request(m_socket, request, files));  // model: mail-log/request
    CEYMAIL_TRY_ASSIGN(const auto outcome,
                       await(request.number, std::min(deadline, util::BootTime(now + k_time_to_answer))));
    if (outcome == ReadOutcome::done) CEYMAIL_TRY(load());
    return outcome;
}

util::Result<ReadOutcome> ReaderClient::await(std::uint64_t number, util::BootTime deadline) {
    const auto start = BootClock::now();
    for (auto now = start; now < deadline; now = BootClock::now()) {
        pollfd polled{m_socket, POLLIN, 0};
        if (::poll(&polled, 1, util::remaining_ms(deadline, now)) <= 0) continue;
        const auto reply = take_reply(m_socket);
        if (!reply || reply->number != number) continue;  // an answer that came too late
        const auto most = BootClock::now() - start;
        m_reader_cpu_time += std::clamp<std::chrono::nanoseconds>(std::chrono::nanoseconds(reply->cpu_ns), {}, most);
        return reply->outcome <= ReadOutcome::no_journal ? reply->outcome : ReadOutcome::failed;
    }
    return util::fail(ErrorKind::timed_out,
                      "the log reader does not answer; it is replaced when it has ended or is stuck");
}

}  // namespace ceymail::maillog
