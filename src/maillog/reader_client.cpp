// SPDX-License-Identifier: MIT
#include "ceymail/maillog/reader_client.hpp"

#include <algorithm>
#include <cerrno>
#include <iterator>
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
constexpr double k_microseconds = 1e6;

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
           std::ranges::all_of(reading.unread_bytes, is_count) && is_count(reading.fail2ban_skipped_bytes);
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
    const FileStatus found{.device = status.st_dev,
                           .inode = status.st_ino,
                           .size = static_cast<std::uint64_t>(std::max<off_t>(status.st_size, 0)),
                           .modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
    return S_ISREG(status.st_mode) && position.state == PositionState::at_line && position.file == found &&
           position.offset == found.size;
}

bool ReaderClient::is_idle() const {
    return !m_reset && is_idle(Log::mail, m_paths.mail) && is_idle(Log::fail2ban, m_paths.fail2ban);
}

util::Result<const Reading*> ReaderClient::read(util::BootTime deadline) {
    m_reader_cpu_time = {};
    const auto loaded = load();
    if (!loaded || !is_idle()) {
        CEYMAIL_TRY_ASSIGN(auto outcome, ask(deadline));
        if (outcome == ReadOutcome::lost_place) {
            CEYMAIL_TRY_ASSIGN(outcome, ask(deadline));
        }
        if (outcome == ReadOutcome::failed)
            return util::fail(ErrorKind::unavailable,
                              "the log reader cannot read the log; its line in the journal "
                              "(journalctl -u ceymail-metrics) has the cause");
        CEYMAIL_TRY(load());
    }
    const auto was_seen = [this](Log log) {
        const auto state = m_reading->position(log).state;
        return state == PositionState::at_line || state == PositionState::within_line;
    };
    return was_seen(Log::mail) || was_seen(Log::fail2ban) ? m_reading.get() : nullptr;
}

util::Result<void> ReaderClient::load() {
    m_reset = !m_kept.load(*m_reading) || !is_plausible(*m_reading);
    if (!m_reset) return {};
    return util::fail(ErrorKind::invalid, "the log reader left impossible counters; they start again at 0");
}

std::vector<util::Fd> ReaderClient::open_fail2ban() {
    auto files = open_log_files(m_paths.fail2ban);
    m_has_fail2ban = files && !files->empty();
    if (files) {
        m_fail2ban_logged = false;
        return std::move(*files);
    }
    if (!std::exchange(m_fail2ban_logged, true))
        util::log(util::LogLevel::warning, {files.error().message, "; bans are not counted"});
    return {};
}

util::Result<ReadOutcome> ReaderClient::ask(util::BootTime deadline) {
    const auto now = BootClock::now();
    std::vector<util::Fd> files;
    if (!m_paths.mail.empty()) {
        CEYMAIL_TRY_ASSIGN(files, open_log_files(m_paths.mail));
    }
    const auto mail_files = files.size();
    if (!m_paths.fail2ban.empty()) std::ranges::move(open_fail2ban(), std::back_inserter(files));
    const util::BootTime until = std::min(deadline, util::BootTime(now + k_time_to_read));
    ReadRequest request{.number = ++m_number,
                        .deadline_ns = until.time_since_epoch().count(),
                        .limit = k_most_bytes,
                        .mail_files = static_cast<std::uint32_t>(mail_files),
                        .other_files = static_cast<std::uint32_t>(files.size() - mail_files),
                        .follow_mail = m_paths.mail.empty() ? 0U : 1U,
                        .follow_other = m_paths.fail2ban.empty() || m_fail2ban_logged ? 0U : 1U,
                        .reset = m_reset ? 1U : 0U,
                        .reserved = 0};
    CEYMAIL_TRY(send_request(m_socket, request, files));  // model: mail-log/request
    return await(request.number, std::min(deadline, util::BootTime(now + k_time_to_answer)));
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
        if (reply->outcome == ReadOutcome::done || reply->outcome == ReadOutcome::lost_place) return reply->outcome;
        return ReadOutcome::failed;
    }
    return util::fail(ErrorKind::timed_out,
                      "the log reader does not answer; it is replaced when it has ended or is stuck");
}

}  // namespace ceymail::maillog
