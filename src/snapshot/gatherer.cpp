// SPDX-License-Identifier: MIT
#include "ceymail/snapshot/gatherer.hpp"

#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "ceymail/report/inquiry.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::snapshot {

namespace {

using util::BootTime;

constexpr auto k_silence = std::chrono::seconds(1);              // how long a connection may take to ask
constexpr auto k_partial_from = std::chrono::milliseconds(250);  // how old a gathering is before it is shown unfinished
constexpr auto k_rest_after_failed_accept = std::chrono::milliseconds(100);
constexpr auto k_never = BootTime::max();
constexpr std::size_t k_readers = 4;  // of reports at a time, so that they never take the workers' places

BootTime time_of(std::int64_t ns) noexcept { return BootTime(std::chrono::nanoseconds(ns)); }

// poll(2)'s time-out for an instant; -1 for k_never.
int timeout_ms(BootTime until, BootTime now) noexcept { return until == k_never ? -1 : util::remaining_ms(until, now); }

// What a connection is answered: that there is a snapshot, or a report of the collectors.
enum class Wants { snapshot, report };

// One connection. It lives until `until`, at which it is answered if it has asked.
struct Caller {
    util::Fd fd;
    BootTime until;
    std::optional<BootTime> not_before;  // once it has asked
    Occasion occasion = Occasion::scrape;
    Wants wants = Wants::snapshot;
};

// Who wants a report has asked by connecting. He may want it because MariaDB is down, so nobody rests who tells of it.
Caller make_caller(util::Fd fd, Wants wants, BootTime now) {
    if (wants == Wants::snapshot) return {.fd = std::move(fd), .until = now + k_silence, .not_before = {}};
    return {.fd = std::move(fd),
            .until = now + report::k_time_to_answer,
            .not_before = now - report::k_freshness,
            .occasion = Occasion::outage,
            .wants = wants};
}

enum class Heard { nothing, request, nonsense };

Heard hear(int fd, GatherRequest& request) noexcept {
    // With MSG_TRUNC a longer message says how long it was.
    const auto size = recv(fd, &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Heard::nothing;
    return size == sizeof request ? Heard::request : Heard::nonsense;
}

class Service {
public:
    Service(int listener, int stop_fd, Board& board, Gathering& gathering, int report_listener)
        : m_listener(listener),
          m_report_listener(report_listener),
          m_stop_fd(stop_fd),
          m_board(board),
          m_gathering(gathering) {}

    void run() {
        while (wait()) {
            for (std::size_t i = 0; i < m_polled.size() - k_own; ++i) {
                if (m_polled[k_own + i].revents != 0) listen_to(m_callers[i]);
            }
            if (m_polled[k_listener].revents != 0) accept_all(m_listener, Wants::snapshot);
            if (m_polled[k_report_listener].revents != 0) accept_all(m_report_listener, Wants::report);
            if (m_polled[k_bell].revents != 0) m_gathering.hush();
            advance(util::BootClock::now());
            std::erase_if(m_callers, [](const Caller& caller) { return !caller.fd; });
        }
        if (m_gathering_now) m_gathering.end();
    }

private:
    enum Polled : std::size_t { k_stop, k_bell, k_listener, k_report_listener, k_own };

    // False when it is time to stop.
    bool wait() {
        const auto now = util::BootClock::now();
        m_polled.assign(k_own, {});
        m_polled[k_stop] = {m_stop_fd, POLLIN, 0};
        m_polled[k_bell] = {m_gathering.bell(), POLLIN, 0};
        m_polled[k_listener] = {accepts(now, Wants::snapshot) ? m_listener : -1, POLLIN, 0};
        m_polled[k_report_listener] = {accepts(now, Wants::report) ? m_report_listener : -1, POLLIN, 0};
        for (const Caller& caller : m_callers) m_polled.push_back({caller.fd.get(), POLLIN, 0});
        const int ready = poll(m_polled.data(), m_polled.size(), timeout_ms(next_event(now), now));
        if (ready < 0)
            for (auto& one : m_polled) one.revents = 0;
        return m_polled[k_stop].revents == 0;
    }

    [[nodiscard]] bool accepts(BootTime now, Wants wants) const noexcept {
        const auto taken = std::ranges::count(m_callers, wants, &Caller::wants);
        return static_cast<std::size_t>(taken) < (wants == Wants::report ? k_readers : k_callers) &&
               now >= m_accept_from;
    }

    [[nodiscard]] BootTime next_event(BootTime now) const {
        BootTime next = now < m_accept_from ? m_accept_from : k_never;
        if (m_gathering_now) next = std::min({next, m_gathering.over_at(), m_show_at});
        for (const Caller& caller : m_callers) next = std::min(next, caller.until);
        return next;
    }

    void accept_all(int listener, Wants wants) {
        const auto now = util::BootClock::now();
        while (accepts(now, wants)) {
            util::Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
            if (!fd) {
                // Out of descriptors or memory: the caller stays in the backlog, and must not keep us awake.
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                    m_accept_from = now + k_rest_after_failed_accept;
                return;
            }
            m_callers.push_back(make_caller(std::move(fd), wants, now));
            listen_to(m_callers.back());  // most have asked already
        }
    }

    void listen_to(Caller& caller) {
        GatherRequest request{};
        const Heard heard = hear(caller.fd.get(), request);
        if (heard == Heard::nothing) return;
        if (heard == Heard::nonsense || caller.not_before) return caller.fd.reset();
        const auto now = util::BootClock::now();
        caller.not_before = std::min(time_of(request.not_before_ns), now);
        caller.occasion = request.occasion == Occasion::outage ? Occasion::outage : Occasion::scrape;
        caller.until = std::clamp(time_of(request.deadline_ns), now, now + k_round);
    }

    void advance(BootTime now) {
        if (m_gathering_now && m_gathering.over_at() <= now) finish_gathering();
        if (m_gathering_now && m_show_at <= now) publish(Round::runs);
        for (Caller& caller : m_callers) serve(caller, now);
        if (!m_gathering_now && std::ranges::any_of(m_callers, is_waiting)) {
            m_round = occasion_of_callers();
            m_gathering.begin(now + k_round, m_round);
            m_gathering_now = true;
            m_show_at = m_board.times().good(now) ? k_never : now + k_partial_from;
            // All may be at rest, and then nobody will ring.
            if (m_gathering.over_at() <= now) {
                finish_gathering();
                for (Caller& caller : m_callers) serve(caller, now);
            }
        }
    }

    static bool is_waiting(const Caller& caller) noexcept { return caller.fd && caller.not_before; }

    [[nodiscard]] Occasion occasion_of_callers() const {
        const auto in_outage = [](const Caller& caller) {
            return is_waiting(caller) && caller.occasion == Occasion::outage;
        };
        return std::ranges::any_of(m_callers, in_outage) ? Occasion::outage : Occasion::scrape;
    }

    void finish_gathering() {
        m_gathering.end();
        m_gathering_now = false;
        publish(Round::over);
    }

    enum class Round { runs, over };

    void publish(Round round) {
        auto times = m_gathering.times();
        times.finished = round == Round::over;
        if (const auto done = m_board.publish(m_gathering.text(), times); !done)
            util::log(util::LogLevel::error, done.error().message);
        m_published = times;
        m_published_round = m_round;
        m_show_at = k_never;
    }

    // Whether the board has what the caller asked for. An unfinished snapshot, shown to a caller whose time was over,
    // is not for those that have more of it.
    [[nodiscard]] bool has_for(const Caller& caller, BootTime now) const noexcept {
        return m_published.good(now) && m_published.finished && m_published.taken_at >= *caller.not_before &&
               m_published_round >= caller.occasion;
    }

    void serve(Caller& caller, BootTime now) {
        if (!caller.fd) return;
        const bool late = now >= caller.until;
        if (!caller.not_before) {
            if (late) caller.fd.reset();
            return;
        }
        if (!late && !has_for(caller, now)) return;
        // Not for a report: what has not answered yet would go from the scrapes after it too.
        if (caller.wants == Wants::snapshot && !has_for(caller, now)) publish_what_there_is(now);
        const std::string answer =
            caller.wants == Wants::report ? report::to_text(m_gathering.report()) : std::string(1, '\0');
        // A caller that is gone, or does not read, is none of our business.
        [[maybe_unused]] const auto sent =
            send(caller.fd.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        caller.fd.reset();
    }

    // A gathering that has hardly begun would only put an empty snapshot over a good one.
    void publish_what_there_is(BootTime now) {
        if (!m_gathering_now) return;
        const auto began_at = m_gathering.times().taken_at;
        if (!m_board.times().good(now) || now - began_at >= k_partial_from) publish(Round::runs);
    }

    const int m_listener;
    const int m_report_listener;  // -1: nobody asks for reports
    const int m_stop_fd;
    Board& m_board;
    Gathering& m_gathering;
    bool m_gathering_now = false;
    Occasion m_round = Occasion::scrape;  // of the gathering begun last
    BootTime m_show_at = k_never;  // when what there is of the round is shown, since there is nothing else to serve
    SnapshotTimes m_published{};   // by this process
    Occasion m_published_round = Occasion::scrape;
    BootTime m_accept_from{};
    std::vector<Caller> m_callers;
    std::vector<pollfd> m_polled;  // the own ones, then m_callers in their order
};

}  // namespace

void serve_gatherer(int listener, int stop_fd, Board& board, Gathering& gathering, int report_listener) {
    // Collectors' threads allocate little and seldom: one heap for all keeps the process small.
    mallopt(M_ARENA_MAX, 1);
    gathering.start();
    Service(listener, stop_fd, board, gathering, report_listener).run();
}

}  // namespace ceymail::snapshot
