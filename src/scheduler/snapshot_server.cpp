// SPDX-License-Identifier: MIT
#include "ceymail/scheduler/snapshot_server.hpp"

#include <malloc.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <ranges>
#include <utility>
#include <vector>

#include "ceymail/snapshot/report_client.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::scheduler {

namespace {

using util::BootTime;

constexpr auto k_request_timeout = std::chrono::seconds(1);      // from the connection to the request
constexpr auto k_partial_from = std::chrono::milliseconds(250);  // age of a round before it is published unfinished
constexpr auto k_pause_after_failed_accept = std::chrono::milliseconds(100);
constexpr auto k_never = BootTime::max();
constexpr std::size_t k_report_clients = 4;  // counted apart, so that they never take the places of workers

BootTime time_of(std::int64_t ns) noexcept { return BootTime(std::chrono::nanoseconds(ns)); }

// The answer that a client gets: one byte when the snapshot is published, or a report of the collectors.
enum class Answer { snapshot, report };

// One connection.
struct Client {
    util::Fd fd;
    BootTime until;                      // when it is answered, or closed if it has sent no request
    std::optional<BootTime> not_before;  // none until it has sent a request
    snapshot::RefreshReason reason = snapshot::RefreshReason::scrape;
    Answer answer = Answer::snapshot;
};

// Connecting is the request for a report. It counts as an outage of MariaDB, so that the report shows one.
Client make_client(util::Fd fd, Answer answer, BootTime now) {
    if (answer == Answer::snapshot) return {.fd = std::move(fd), .until = now + k_request_timeout, .not_before = {}};
    return {.fd = std::move(fd),
            .until = now + snapshot::k_time_to_answer,
            .not_before = now - snapshot::k_freshness,
            .reason = snapshot::RefreshReason::outage,
            .answer = answer};
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
            if (m_polled[k_listener].revents != 0) accept_all(m_listener, Answer::snapshot);
            if (m_polled[k_report_listener].revents != 0) accept_all(m_report_listener, Answer::report);
            if (m_polled[k_event].revents != 0) m_scheduler.clear_event();
            advance(util::BootClock::now());
            std::erase_if(m_clients, [](const Client& client) { return !client.fd; });
        }
        if (m_round_running) m_scheduler.end();
    }

private:
    enum Polled : std::size_t { k_stop, k_event, k_listener, k_report_listener, k_first_client };

    // Returns: false when the process is to stop.
    bool wait() {
        const auto now = util::BootClock::now();
        m_polled.assign(k_first_client, {});
        m_polled[k_stop] = {m_stop_fd, POLLIN, 0};
        m_polled[k_event] = {m_scheduler.event_fd(), POLLIN, 0};
        m_polled[k_listener] = {accepts(now, Answer::snapshot) ? m_listener : -1, POLLIN, 0};
        m_polled[k_report_listener] = {accepts(now, Answer::report) ? m_report_listener : -1, POLLIN, 0};
        for (const Client& client : m_clients) m_polled.push_back({client.fd.get(), POLLIN, 0});
        const auto next = next_event(now);
        if (poll(m_polled.data(), m_polled.size(), next == k_never ? -1 : util::remaining_ms(next, now)) < 0)
            for (auto& polled : m_polled) polled.revents = 0;
        return m_polled[k_stop].revents == 0;
    }

    [[nodiscard]] bool accepts(BootTime now, Answer answer) const noexcept {
        const auto taken = std::ranges::count(m_clients, answer, &Client::answer);
        return static_cast<std::size_t>(taken) < (answer == Answer::report ? k_report_clients : k_clients) &&
               now >= m_accept_from;
    }

    [[nodiscard]] BootTime next_event(BootTime now) const {
        BootTime next = now < m_accept_from ? m_accept_from : k_never;
        if (m_round_running) next = std::min({next, m_scheduler.over_at(), m_publish_partial_at});
        for (const Client& client : m_clients) next = std::min(next, client.until);
        return next;
    }

    void accept_all(int listener, Answer answer) {
        const auto now = util::BootClock::now();
        while (accepts(now, answer)) {
            util::Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
            if (!fd) {
                // Out of descriptors or memory: the connection stays in the backlog. Without a pause poll(2) would
                // spin.
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                    m_accept_from = now + k_pause_after_failed_accept;
                return;
            }
            m_clients.push_back(make_client(std::move(fd), answer, now));
            read_from(m_clients.back());  // most requests are there already
        }
    }

    void read_from(Client& client) {
        snapshot::SnapshotRequest request{};
        // MSG_TRUNC: the size of a longer message is its own, not what was read.
        const auto size = recv(client.fd.get(), &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (size != sizeof request || client.not_before) return client.fd.reset();
        const auto now = util::BootClock::now();
        client.not_before = std::min(time_of(request.not_before_ns), now);
        if (request.reason == snapshot::RefreshReason::outage) client.reason = snapshot::RefreshReason::outage;
        client.until = std::clamp(time_of(request.deadline_ns), now, now + snapshot::k_longest_round);
    }

    void advance(BootTime now) {
        if (m_round_running && m_scheduler.over_at() <= now) finish_round();
        if (m_round_running && m_publish_partial_at <= now) publish();
        for (Client& client : m_clients) serve(client, now);
        auto waiting = m_clients | std::views::filter(is_waiting);
        if (!m_round_running && !waiting.empty()) {
            m_round_reason = std::ranges::max(waiting | std::views::transform(&Client::reason));
            m_scheduler.begin(now + snapshot::k_longest_round, m_round_reason);
            m_round_running = true;
            m_publish_partial_at = m_buffer.times().good(now) ? k_never : now + k_partial_from;
            // If no collector was due, no event will come.
            if (m_scheduler.over_at() <= now) {
                finish_round();
                for (Client& client : m_clients) serve(client, now);
            }
        }
    }

    static bool is_waiting(const Client& client) noexcept { return client.fd && client.not_before; }

    void finish_round() {
        m_scheduler.end();
        m_round_running = false;
        publish();
    }

    void publish() {
        auto times = m_scheduler.times();
        times.finished = !m_round_running;
        if (const auto done = m_buffer.publish(m_scheduler.text(), times); !done)
            util::log(util::LogLevel::error, done.error().message);
        m_published = times;
        m_published_reason = m_round_reason;
        m_publish_partial_at = k_never;
    }

    // Whether the published snapshot fulfils the request. An unfinished one does not: it was published for a client
    // whose deadline had come.
    [[nodiscard]] bool fulfils(const Client& client, BootTime now) const noexcept {
        return m_published.good(now) && m_published.finished && m_published.taken_at >= *client.not_before &&
               m_published_reason >= client.reason;
    }

    void serve(Client& client, BootTime now) {
        if (!client.fd) return;
        const bool late = now >= client.until;
        if (!client.not_before) {
            if (late) client.fd.reset();
            return;
        }
        if (!late && !fulfils(client, now)) return;
        // A report needs none, and an unfinished snapshot would take values away from the next scrapes.
        if (client.answer == Answer::snapshot && !fulfils(client, now)) publish_partial(now);
        const std::string message =
            client.answer == Answer::report ? snapshot::to_text(m_scheduler.report()) : std::string(1, '\0');
        // An error means that the client has gone, or does not read.
        [[maybe_unused]] const auto sent =
            send(client.fd.get(), message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        client.fd.reset();
    }

    // A round that has just begun would only replace a good snapshot by an empty one.
    void publish_partial(BootTime now) {
        if (!m_round_running) return;
        const auto began_at = m_scheduler.times().taken_at;
        if (!m_buffer.times().good(now) || now - began_at >= k_partial_from) publish();
    }

    const int m_listener;
    const int m_report_listener;  // -1: none
    const int m_stop_fd;
    snapshot::SnapshotBuffer& m_buffer;
    CollectorScheduler& m_scheduler;
    bool m_round_running = false;
    snapshot::RefreshReason m_round_reason = snapshot::RefreshReason::scrape;  // of the last round
    BootTime m_publish_partial_at = k_never;  // when to publish the results so far; k_never: no need
    snapshot::SnapshotTimes m_published{};    // by this process; another gatherer may have published before
    snapshot::RefreshReason m_published_reason = snapshot::RefreshReason::scrape;
    BootTime m_accept_from{};
    std::vector<Client> m_clients;
    std::vector<pollfd> m_polled;  // those of Polled, then m_clients in their order
};

}  // namespace

void serve_gatherer(int listener, int stop_fd, snapshot::SnapshotBuffer& buffer, CollectorScheduler& scheduler,
                    int report_listener) {
    // The collectors' threads allocate little and rarely: one heap for all keeps the process small.
    mallopt(M_ARENA_MAX, 1);
    scheduler.start();
    SnapshotServer(listener, stop_fd, buffer, scheduler, report_listener).run();
}

}  // namespace ceymail::scheduler
