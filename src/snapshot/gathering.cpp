// SPDX-License-Identifier: MIT
#include "ceymail/snapshot/gathering.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <system_error>
#include <utility>

#include "ceymail/exposition/text_format.hpp"
#include "ceymail/snapshot/station.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::snapshot {

namespace {

using std::chrono::nanoseconds;

// Below 2 MiB, so that transparent huge pages do not back each stack with a whole one.
constexpr std::size_t k_stack_bytes = 1U << 20;

double seconds_of(nanoseconds duration) noexcept { return std::chrono::duration<double>(duration).count(); }

// Signals are for the thread that serves.
int start_thread(pthread_t& thread, void* (*body)(void*), void* argument) noexcept {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, k_stack_bytes);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&thread, &attributes, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    pthread_attr_destroy(&attributes);
    return error;
}

}  // namespace

// Stations, account and times are under the mutex. Every member function requires it, but for those of threads.
struct Gathering::State {
    State(std::vector<std::unique_ptr<collect::Collector>> collectors, WorkBudget budget,
          util::ClockFunction given_clock)
        : clock(given_clock), maximum_age(budget.maximum_age), account(budget, collectors.size()) {
        for (auto& collector : collectors) {
            stations.push_back(std::make_unique<Station>());
            stations.back()->collector = std::move(collector);
            stations.back()->index = stations.size() - 1;
        }
    }

    const util::ClockFunction clock;
    const nanoseconds maximum_age;
    std::mutex mutex;
    std::vector<std::unique_ptr<Station>> stations;
    WorkAccount account;
    util::Fd bell{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    bool stopping = false;
    util::BootTime began_at{};
    util::BootTime deadline{};

    [[nodiscard]] util::BootTime over_at() const {
        util::BootTime at{};
        for (const auto& station : stations) {
            if (!station->in_round) continue;
            if (!station->suspect) return deadline;
            at = std::min(deadline, began_at + k_patience);
        }
        return at;
    }

    [[nodiscard]] bool due(const Station& station, Occasion occasion) {
        if (station.busy) return false;
        if (occasion == Occasion::outage && station.collector->tells_of_database()) return true;
        return account.clear(station.index, began_at) || began_at - station.asked_at >= maximum_age;
    }

    void end() {
        for (const auto& station : stations) {
            if (station->in_round) station->is_late(clock());
        }
    }

    // Thread: one station's.
    struct Errand {
        std::shared_ptr<State> state;
        Station* station;
    };

    static void* run_thread(void* errand) {
        const std::unique_ptr<Errand> own(static_cast<Errand*>(errand));
        own->state->serve(*own->station);
        return nullptr;
    }

    void serve(Station& station) {
        prepare_guarded(*station.collector);
        std::unique_lock lock(mutex);
        for (;;) {
            station.asked.wait(lock, [&] { return stopping || station.busy; });
            if (stopping) return;
            const auto until = station.deadline;
            lock.unlock();
            Run run = run_once(*station.collector, until);
            lock.lock();
            if (stopping) return;
            const bool awaited = station.in_round;
            const auto now = clock();
            account.charge(station.index, run.cost, now);
            station.settle(std::move(run.families), now);
            if (awaited && over_at() != deadline) ring();
        }
    }

    void ring() const noexcept {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = write(bell.get(), &one, sizeof one);  // full: it rings already
    }

    static int start(const std::shared_ptr<State>& state, Station& station);
    static void ask(const std::shared_ptr<State>& state, Station& station);
};

// The station's thread, if it is not there yet. 0 or an errno.
int Gathering::State::start(const std::shared_ptr<State>& state, Station& station) {
    if (station.thread) return 0;
    auto errand = std::make_unique<Errand>(state, &station);
    pthread_t thread{};
    if (const int error = start_thread(thread, run_thread, errand.get()); error != 0) return error;
    [[maybe_unused]] auto* const handed_over = errand.release();
    station.thread = thread;
    return 0;
}

void Gathering::State::ask(const std::shared_ptr<State>& state, Station& station) {
    station.asked_at = state->began_at;
    station.deadline = state->deadline;
    if (const int error = start(state, station); error != 0) {
        station.counts = true;
        station.result = util::fail_errno(error, "cannot start a thread", "raise the service's TasksMax");
        station.fails(station.result.error().message);
        return;
    }
    station.counts = false;
    station.busy = station.in_round = true;
    station.asked.notify_one();
}

Gathering::Gathering(std::vector<std::unique_ptr<collect::Collector>> collectors, WorkBudget budget,
                     util::ClockFunction clock)
    : m_state(std::make_shared<State>(std::move(collectors), budget, clock)) {
    if (!m_state->bell) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
}

Gathering::~Gathering() {
    {
        const std::lock_guard lock(m_state->mutex);
        m_state->stopping = true;
        for (const auto& station : m_state->stations) {
            station->asked.notify_one();
            if (!station->busy || !station->thread) continue;
            pthread_detach(*station->thread);
            station->thread.reset();
        }
    }
    for (const auto& station : m_state->stations) {
        if (station->thread) pthread_join(*station->thread, nullptr);
    }
}

void Gathering::start() {
    const std::lock_guard lock(m_state->mutex);
    for (const auto& station : m_state->stations) static_cast<void>(State::start(m_state, *station));
}

std::string Gathering::gather(util::BootTime deadline) {
    begin(deadline);
    pollfd ringing{bell(), POLLIN, 0};
    for (;;) {
        const int left = util::remaining_ms(over_at(), m_state->clock());
        // 0: the time is over, also where the clock is a test's that stands still.
        if (left == 0 || poll(&ringing, 1, left) == 0) break;
        hush();
    }
    end();
    return text();
}

void Gathering::begin(util::BootTime deadline, Occasion occasion) {
    const std::lock_guard lock(m_state->mutex);
    m_state->end();
    hush();
    m_state->began_at = m_state->clock();
    m_state->deadline = deadline;
    for (const auto& station : m_state->stations) {
        station->counts = !station->busy;
        if (m_state->due(*station, occasion)) State::ask(m_state, *station);
    }
}

util::BootTime Gathering::over_at() const {
    const std::lock_guard lock(m_state->mutex);
    return m_state->over_at();
}

void Gathering::end() {
    const std::lock_guard lock(m_state->mutex);
    m_state->end();
}

int Gathering::bell() const noexcept { return m_state->bell.get(); }

void Gathering::hush() noexcept {
    std::uint64_t rings = 0;
    [[maybe_unused]] const auto got = read(bell(), &rings, sizeof rings);
}

std::string Gathering::text() const {
    using exposition::MetricType;
    exposition::MetricFamily success{"ceymail_collector_success",
                                     "Whether the collector's metrics are there: 1, or 0 when it failed or hangs.",
                                     MetricType::gauge,
                                     {}};
    exposition::MetricFamily duration{"ceymail_collector_duration_seconds",
                                      "How long the collector's last run took; of one that hangs, how long by now.",
                                      MetricType::gauge,
                                      {}};
    exposition::MetricFamily age{"ceymail_collector_age_seconds",
                                 "Age of the collector's metrics when the snapshot was taken. Costly ones are read "
                                 "less often, within the work budget.",
                                 MetricType::gauge,
                                 {}};
    std::string text;
    const std::lock_guard lock(m_state->mutex);
    const auto now = m_state->clock();
    for (const auto& station : m_state->stations) {
        const bool good = station->good(now, m_state->maximum_age);
        const exposition::Sample sample{{{"collector", std::string(station->collector->name())}}, std::uint64_t{good}};
        success.samples.push_back(sample);
        duration.samples.push_back(
            {sample.labels, seconds_of(station->busy ? now - station->asked_at : station->duration)});
        if (!good) continue;
        age.samples.push_back({sample.labels, seconds_of(m_state->began_at - station->asked_at)});
        text += *station->result;
    }
    for (const auto* family : {&success, &duration, &age}) exposition::append_family(text, *family);
    return text;
}

std::vector<report::CollectorState> Gathering::report() const {
    std::vector<report::CollectorState> states;
    const std::lock_guard lock(m_state->mutex);
    const auto now = m_state->clock();
    for (const auto& station : m_state->stations) states.push_back(station->state(now, m_state->maximum_age));
    return states;
}

SnapshotTimes Gathering::times() const {
    const std::lock_guard lock(m_state->mutex);
    const auto now = m_state->clock();
    const auto maximum_age = m_state->maximum_age;
    auto oldest = m_state->began_at;
    for (const auto& station : m_state->stations) {
        if (station->good(now, maximum_age)) oldest = std::min(oldest, station->asked_at);
    }
    return {m_state->began_at, oldest + maximum_age};
}

}  // namespace ceymail::snapshot
