// SPDX-License-Identifier: MIT
#include "ceymail/scheduler/snapshot_server.hpp"

#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "ceymail/snapshot/report_client.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::scheduler {

namespace {

using util::BootTime;

constexpr auto k_request_timeout = std::chrono::seconds(1);      // how long a connection may take to ask
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
struct Client {
    util::Fd fd;
    BootTime until;
    std::optional<BootTime> not_before;  // once it has asked
    snapshot::RefreshReason reason = snapshot::RefreshReason::scrape;
    Wants wants = Wants::snapshot;
};

// Who wants a report has asked by connecting. He may want it because MariaDB is down, so nobody rests who tells of it.
Client make_client(util::Fd fd, Wants wants, BootTime now) {
    if (wants == Wants::snapshot) return {.fd = std::move(fd), .until = now + k_request_timeout, .not_before = {}};
    return {.fd = std::move(fd),
            .until = now + snapshot::k_time_to_answer,
            .not_before = now - snapshot::k_freshness,
            .reason = snapshot::RefreshReason::outage,
            .wants = wants};
}

enum class ReadResult { nothing, request, malformed };

ReadResult read_request(int fd, snapshot::SnapshotRequest& request) noexcept {
    // With MSG_TRUNC a longer message says how long it was.
    const auto size = recv(fd, &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return ReadResult::nothing;
    return size == sizeof request ? ReadResult::request : ReadResult::malformed;
}

class SnapshotServer {
public:
    SnapshotServer(int listener, int stop_fd, snapshot::SnapshotBuffer& buffer, CollectorScheduler& scheduler,
                   int report_listener)
        : m_listener(listener),
          m_report_listener(report_listener),
          m_stop_fd(stop_fd),
          m_buffer(buffer),
          m_scheduler(scheduler) {}

    void run() {
        while (wait()) {
            for (std::size_t i = 0; i < m_polled.size() - k_first_client; ++i) {
                if (m_polled[k_first_client + i].revents != 0) read_from(m_clients[i]);
            }
            if (m_polled[k_listener].revents != 0) accept_all(m_listener, Wants::snapshot);
            if (m_polled[k_report_listener].revents != 0) accept_all(m_report_listener, Wants::report);
            if (m_polled[k_event].revents != 0) m_scheduler.clear_event();
            advance(util::BootClock::now());
            std::erase_if(m_clients, [](const Client& client) { return !client.fd; });
        }
        if (m_round_running) m_scheduler.end();
    }

private:
    enum Polled : std::size_t { k_stop, k_event, k_listener, k_report_listener, k_first_client };

    // False when it is time to stop.
    bool wait() {
        const auto now = util::BootClock::now();
        m_polled.assign(k_first_client, {});
        m_polled[k_stop] = {m_stop_fd, POLLIN, 0};
        m_polled[k_event] = {m_scheduler.event_fd(), POLLIN, 0};
        m_polled[k_listener] = {accepts(now, Wants::snapshot) ? m_listener : -1, POLLIN, 0};
        m_polled[k_report_listener] = {accepts(now, Wants::report) ? m_report_listener : -1, POLLIN, 0};
        for (const Client& client : m_clients) m_polled.push_back({client.fd.get(), POLLIN, 0});
        const int ready = poll(m_polled.data(), m_polled.size(), timeout_ms(next_event(now), now));
        if (ready < 0)
            for (auto& one : m_polled) one.revents = 0;
        return m_polled[k_stop].revents == 0;
    }

    [[nodiscard]] bool accepts(BootTime now, Wants wants) const noexcept {
        const auto taken = std::ranges::count(m_clients, wants, &Client::wants);
        return static_cast<std::size_t>(taken) < (wants == Wants::report ? k_readers : k_clients) &&
               now >= m_accept_from;
    }

    [[nodiscard]] BootTime next_event(BootTime now) const {
        BootTime next = now < m_accept_from ? m_accept_from : k_never;
        if (m_round_running) next = std::min({next, m_scheduler.over_at(), m_show_at});
        for (const Client& client : m_clients) next = std::min(next, client.until);
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
            m_clients.push_back(make_client(std::move(fd), wants, now));
            read_from(m_clients.back());  // most have asked already
        }
    }

    void read_from(Client& client) {
        snapshot::SnapshotRequest request{};
        const ReadResult result = read_request(client.fd.get(), request);
        if (result == ReadResult::nothing) return;
        if (result == ReadResult::malformed || client.not_before) return client.fd.reset();
        const auto now = util::BootClock::now();
        client.not_before = std::min(time_of(request.not_before_ns), now);
        client.reason = request.reason == snapshot::RefreshReason::outage ? snapshot::RefreshReason::outage
                                                                          : snapshot::RefreshReason::scrape;
        client.until = std::clamp(time_of(request.deadline_ns), now, now + snapshot::k_longest_round);
    }

    void advance(BootTime now) {
        if (m_round_running && m_scheduler.over_at() <= now) finish_gathering();
        if (m_round_running && m_show_at <= now) publish(Round::runs);
        for (Client& client : m_clients) serve(client, now);
        if (!m_round_running && std::ranges::any_of(m_clients, is_waiting)) {
            m_round = reason_of_clients();
            m_scheduler.begin(now + snapshot::k_longest_round, m_round);
            m_round_running = true;
            m_show_at = m_buffer.times().good(now) ? k_never : now + k_partial_from;
            // All may be at rest, and then nobody will ring.
            if (m_scheduler.over_at() <= now) {
                finish_gathering();
                for (Client& client : m_clients) serve(client, now);
            }
        }
    }

    static bool is_waiting(const Client& client) noexcept { return client.fd && client.not_before; }

    [[nodiscard]] snapshot::RefreshReason reason_of_clients() const {
        const auto in_outage = [](const Client& client) {
            return is_waiting(client) && client.reason == snapshot::RefreshReason::outage;
        };
        return std::ranges::any_of(m_clients, in_outage) ? snapshot::RefreshReason::outage
                                                         : snapshot::RefreshReason::scrape;
    }

    void finish_gathering() {
        m_scheduler.end();
        m_round_running = false;
        publish(Round::over);
    }

    enum class Round { runs, over };

    void publish(Round round) {
        auto times = m_scheduler.times();
        times.finished = round == Round::over;
        if (const auto done = m_buffer.publish(m_scheduler.text(), times); !done)
            util::log(util::LogLevel::error, done.error().message);
        m_published = times;
        m_published_round = m_round;
        m_show_at = k_never;
    }

    // Whether the board has what the caller asked for. An unfinished snapshot, shown to a caller whose time was over,
    // is not for those that have more of it.
    [[nodiscard]] bool has_for(const Client& client, BootTime now) const noexcept {
        return m_published.good(now) && m_published.finished && m_published.taken_at >= *client.not_before &&
               m_published_round >= client.reason;
    }

    void serve(Client& client, BootTime now) {
        if (!client.fd) return;
        const bool late = now >= client.until;
        if (!client.not_before) {
            if (late) client.fd.reset();
            return;
        }
        if (!late && !has_for(client, now)) return;
        // Not for a report: what has not answered yet would go from the scrapes after it too.
        if (client.wants == Wants::snapshot && !has_for(client, now)) publish_what_there_is(now);
        const std::string answer =
            client.wants == Wants::report ? snapshot::to_text(m_scheduler.report()) : std::string(1, '\0');
        // A caller that is gone, or does not read, is none of our business.
        [[maybe_unused]] const auto sent =
            send(client.fd.get(), answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        client.fd.reset();
    }

    // A gathering that has hardly begun would only put an empty snapshot over a good one.
    void publish_what_there_is(BootTime now) {
        if (!m_round_running) return;
        const auto began_at = m_scheduler.times().taken_at;
        if (!m_buffer.times().good(now) || now - began_at >= k_partial_from) publish(Round::runs);
    }

    const int m_listener;
    const int m_report_listener;  // -1: nobody asks for reports
    const int m_stop_fd;
    snapshot::SnapshotBuffer& m_buffer;
    CollectorScheduler& m_scheduler;
    bool m_round_running = false;
    snapshot::RefreshReason m_round = snapshot::RefreshReason::scrape;  // of the gathering begun last
    BootTime m_show_at = k_never;  // when what there is of the round is shown, since there is nothing else to serve
    snapshot::SnapshotTimes m_published{};  // by this process
    snapshot::RefreshReason m_published_round = snapshot::RefreshReason::scrape;
    BootTime m_accept_from{};
    std::vector<Client> m_clients;
    std::vector<pollfd> m_polled;  // the own ones, then m_clients in their order
};

}  // namespace

void serve_gatherer(int listener, int stop_fd, snapshot::SnapshotBuffer& buffer, CollectorScheduler& scheduler,
                    int report_listener) {
    // Collectors' threads allocate little and seldom: one heap for all keeps the process small.
    mallopt(M_ARENA_MAX, 1);
    scheduler.start();
    SnapshotServer(listener, stop_fd, buffer, scheduler, report_listener).run();
}

}  // namespace ceymail::scheduler
