// SPDX-License-Identifier: MIT
#include "ceymail/maillog/log_reader.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <poll.h>

#include "ceymail/maillog/follower.hpp"
#include "ceymail/maillog/journal_follower.hpp"
#include "ceymail/maillog/reader_protocol.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::maillog {
namespace {

using util::AwakeClock;
using util::AwakeTime;
using util::BootClock;

constexpr std::chrono::milliseconds k_time_for_batch{300};  // of the journal, from a slow disk
constexpr std::uint64_t k_step = 1U << 20U;                 // bytes between two looks at the clock, some 4 ms

class LogReader {
public:
    LogReader(int socket, int journal_socket, KeptReading& kept)
        : m_socket(socket), m_kept(kept), m_journal(journal_socket, kept, *m_block) {}

    void handle(ReceivedRequest received) {
        const auto before = util::thread_cpu_time();
        const auto& request = received.request;
        if (request.reset != 0) reset();
        auto& files = received.files;
        const auto other_files = files.begin() + request.mail_files;
        std::vector<util::Fd> other(std::make_move_iterator(other_files), std::make_move_iterator(files.end()));
        files.resize(request.mail_files);
        auto outcome = ReadOutcome::done;
        std::uint64_t limit = request.limit;
        const util::BootTime deadline{std::chrono::nanoseconds(request.deadline_ns)};
        if (request.follow_journal != 0) {
            outcome = read_journal(deadline, limit);
        } else if (request.follow_mail != 0) {
            leave_journal();
            outcome = read(*m_mail, std::move(files), deadline, limit);
        }
        if (request.follow_other != 0) {
            const auto of_other = read(*m_other, std::move(other), deadline, limit);
            if (outcome == ReadOutcome::done) outcome = of_other;
        }
        const auto cpu_time = util::thread_cpu_time() - before + m_journal.take_cpu_time();
        const auto sent = send_reply(m_socket, {request.number, cpu_time.count(), outcome});
        if (!sent) failed(sent.error());
        m_opened = Follower::Opened::since;
    }

private:
    ReadOutcome read(Follower& follower, std::vector<util::Fd> files, util::BootTime deadline, std::uint64_t& limit) {
        const auto taken = follower.hand_over(std::move(files), m_opened);
        if (!taken) return failed(taken.error());
        if (!*taken) return ReadOutcome::lost_place;
        for (auto unread = std::numeric_limits<std::uint64_t>::max();;) {
            const auto step = std::min(limit, k_step);
            const auto progress = follower.read(static_cast<std::size_t>(step), BootClock::now());
            if (!progress) return failed(progress.error());
            if (progress->lost_place) return ReadOutcome::lost_place;
            limit -= step;
            // What does not get less is half a line.
            const bool at_end = progress->unread_bytes == 0 || progress->unread_bytes >= unread;
            if (at_end || limit == 0 || BootClock::now() >= deadline) break;
            unread = progress->unread_bytes;
        }
        m_logged = false;
        return ReadOutcome::done;
    }

    ReadOutcome read_journal(util::BootTime deadline, std::uint64_t& limit) {
        for (;;) {
            const auto now = BootClock::now();
            const auto outcome = m_journal.read(limit, std::max(deadline, now) + k_time_for_batch, now);
            if (!outcome) return failed(outcome.error());
            if (*outcome == JournalFollower::Outcome::no_journal) return ReadOutcome::no_journal;
            if (*outcome == JournalFollower::Outcome::at_end || limit == 0 || BootClock::now() >= deadline) break;
        }
        m_mail = std::make_unique<Follower>(m_kept, Log::mail, *m_block);  // without the file from before
        m_logged = false;
        return ReadOutcome::done;
    }

    // The lines of the file are those of the journal that were read. It has no position, so it is read from its end on.
    void leave_journal() {
        if (m_kept.committed().journal.state == journal::State::none) return;
        Reading& draft = m_kept.begin();
        draft.journal = {};
        draft.journal_behind_us = 0;
        m_kept.commit();
    }

    ReadOutcome failed(const util::Error& error) noexcept {
        if (!std::exchange(m_logged, true)) util::log(util::LogLevel::warning, error.message);
        return ReadOutcome::failed;
    }

    void reset() {
        m_kept.make_empty(m_kept.committed().counters.senders.key());
        m_mail = std::make_unique<Follower>(m_kept, Log::mail, *m_block);
        m_other = std::make_unique<Follower>(m_kept, Log::fail2ban, *m_block);
    }

    int m_socket;
    KeptReading& m_kept;
    std::unique_ptr<LineBlock> m_block = std::make_unique<LineBlock>();
    JournalFollower m_journal;
    std::unique_ptr<Follower> m_mail = std::make_unique<Follower>(m_kept, Log::mail, *m_block);
    std::unique_ptr<Follower> m_other = std::make_unique<Follower>(m_kept, Log::fail2ban, *m_block);
    Follower::Opened m_opened = Follower::Opened::before_start;  // the first request may be older than this process
    bool m_logged = false;
};

}  // namespace

void serve_log_reader(int socket, int journal_socket, int stop_fd, KeptReading& kept, std::atomic<AwakeTime>& busy) {
    LogReader reader(socket, journal_socket, kept);
    while (true) {
        busy.store(AwakeTime{}, std::memory_order_relaxed);
        std::array<pollfd, 2> polled{{{socket, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
        if (::poll(polled.data(), polled.size(), -1) < 0) continue;
        if (polled[1].revents != 0) return;
        busy.store(AwakeClock::now(), std::memory_order_relaxed);
        // model: mail-log/take-request
        auto received = take_request(socket);
        // No process waits for the answer to an earlier one: the gatherer that sent it has died.
        for (auto later = take_request(socket); later; later = take_request(socket)) received = std::move(later);
        if (received) reader.handle(std::move(*received));
    }
}

}  // namespace ceymail::maillog
