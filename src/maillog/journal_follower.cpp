// SPDX-License-Identifier: MIT
#include "ceymail/maillog/journal_follower.hpp"

#include <algorithm>
#include <utility>

#include <poll.h>

#include "ceymail/maillog/parser.hpp"

namespace ceymail::maillog {
namespace {

using util::BootClock;
using util::ErrorKind;

// As in Follower: a batch at which the reader has died again and again is skipped.
constexpr std::uint64_t k_deaths_until_skipped = 6;
// The time of a file's last change comes from a clock of 4 or 10 ms.
constexpr std::uint64_t k_clock_tick_us = 10'000;

}  // namespace

JournalFollower::JournalFollower(int socket, KeptReading& kept, std::span<std::byte> block) noexcept
    : m_socket(socket),
      m_kept(kept),
      m_block(block),
      // An answer for an earlier log reader is none for this one.
      m_number(static_cast<std::uint64_t>(BootClock::now().time_since_epoch().count())) {}

std::chrono::nanoseconds JournalFollower::take_cpu_time() noexcept {
    return std::exchange(m_cpu_time, std::chrono::nanoseconds{});
}

// syslog writes a line into the file after journald has taken it, so what is later than the file's last change is not
// in the file.
journal::Position JournalFollower::place() const noexcept {
    const auto& kept = m_kept.committed();
    const auto& file = kept.position(Log::mail);
    if (kept.journal.state != journal::State::none || !file.is_in_file()) return kept.journal;
    journal::Position since;
    since.state = journal::State::since;
    since.realtime_us = static_cast<std::uint64_t>(std::max<std::int64_t>(file.file.modified_ns, 0)) / 1000;
    since.realtime_us += k_clock_tick_us;
    return since;
}

util::Result<journal::ReceivedLines> JournalFollower::ask(const journal::Position& from, util::BootTime deadline) {
    while (journal::take_reply(m_socket, m_block)) {
    }  // answers that came too late
    const journal::Request request{.number = ++m_number, .from = from};
    CEYMAIL_TRY(journal::send_request(m_socket, request));
    for (auto now = BootClock::now(); now < deadline; now = BootClock::now()) {
        pollfd polled{m_socket, POLLIN, 0};
        if (::poll(&polled, 1, util::remaining_ms(deadline, now)) <= 0) continue;
        const auto received = journal::take_reply(m_socket, m_block);
        if (received && received->reply.number == request.number) return *received;
    }
    return util::fail(ErrorKind::timed_out,
                      "the journal reader does not answer; it is replaced when it has ended or is stuck");
}

// What was found and up to where become known together.
void JournalFollower::count(const journal::ReceivedLines& received, util::BootTime now) {
    const auto& reply = received.reply;
    Reading& draft = m_kept.begin();
    draft.journal = reply.position;
    draft.journal_behind_us = reply.behind_us;
    auto& file = draft.position(Log::mail);  // it is gone
    if (file.is_in_file()) draft.counters.skipped_bytes += file.unread_bytes();
    file = {};
    draft.unread(Log::mail) = 0;
    draft.counters.log_gaps += reply.gaps;
    draft.counters.foreign_lines += reply.foreign;
    auto lines = received.lines;
    if (m_kept.attempts() > k_deaths_until_skipped) {
        draft.counters.skipped_bytes += lines.size();
    } else {
        while (const auto line = journal::next_line(lines))
            parse_entry(line->identifier, line->message, now, draft.counters);
    }
    m_kept.commit();
}

util::Result<JournalFollower::Outcome> JournalFollower::read(std::uint64_t& limit, util::BootTime deadline,
                                                             util::BootTime now) {
    const auto from = place();
    CEYMAIL_TRY_ASSIGN(const auto received, ask(from, deadline));
    const auto& reply = received.reply;
    m_cpu_time += std::chrono::nanoseconds(std::max<std::int64_t>(reply.cpu_ns, 0));
    if (reply.outcome == journal::Outcome::no_journal) return Outcome::no_journal;
    if (reply.outcome != journal::Outcome::done)
        return util::fail(ErrorKind::unavailable, "the journal reader cannot read the journal");
    const auto& kept = m_kept.committed();
    const bool is_news = reply.position != kept.journal || reply.behind_us != kept.journal_behind_us ||
                         reply.gaps + reply.foreign + received.lines.size() > 0;
    if (is_news) count(received, now);
    limit -= std::min(limit, std::max<std::uint64_t>(reply.scanned_bytes, 1));
    return reply.at_end != 0 ? Outcome::at_end : Outcome::at_limit;
}

}  // namespace ceymail::maillog
