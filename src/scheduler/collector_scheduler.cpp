// SPDX-License-Identifier: MIT
#include "ceymail/scheduler/collector_scheduler.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>
#include <mutex>
#include <system_error>
#include <utility>

#include "ceymail/exposition/text_format.hpp"
#include "ceymail/scheduler/collector_slot.hpp"
#include "ceymail/util/fd.hpp"

namespace ceymail::scheduler {

namespace {

using std::chrono::nanoseconds;

// Below 2 MiB, so that transparent huge pages do not back each stack with a whole one.
constexpr std::size_t k_stack_bytes = 1U << 20;

double seconds_of(nanoseconds duration) noexcept { return std::chrono::duration<double>(duration).count(); }

// With all signals blocked: the main thread handles them. Returns: 0 or an errno.
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

// Threads: `mutex` protects slots, account and times. Every member function requires it, except run_thread() and
// serve().
struct CollectorScheduler::State : std::enable_shared_from_this<State> {
    State(std::vector<std::unique_ptr<collect::Collector>> collectors, WorkBudget budget,
          util::ClockFunction given_clock)
        : clock(given_clock), maximum_age(budget.maximum_age), account(budget, collectors.size()) {
        for (auto& collector : collectors)
            slots.push_back(std::make_unique<CollectorSlot>(std::move(collector), slots.size()));
    }

    const util::ClockFunction clock;
    const nanoseconds maximum_age;
    std::mutex mutex;
    std::vector<std::unique_ptr<CollectorSlot>> slots;
    WorkAccount account;
    util::Fd event_fd{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    bool stopping = false;
    util::BootTime began_at{};
    util::BootTime deadline{};

    [[nodiscard]] util::BootTime over_at() const {
        util::BootTime at{};
        for (const auto& slot : slots) {
            if (slot->run_state != RunState::awaited) continue;
            if (!slot->suspect) return deadline;
            at = std::min(deadline, began_at + k_suspect_timeout);
        }
        return at;
    }

    [[nodiscard]] bool due(const CollectorSlot& slot, snapshot::RefreshReason reason) {
        if (reason == snapshot::RefreshReason::outage && slot.collector->depends_on_database()) return true;
        return account.clear(slot.index, began_at) || began_at - slot.asked_at >= maximum_age;
    }

    void end() {
        for (const auto& slot : slots) {
            if (slot->run_state == RunState::awaited) slot->record_timeout(clock());
        }
    }

    // False: there is no thread for it.
    bool request_run(CollectorSlot& slot) {
        slot.asked_at = began_at;
        slot.deadline = deadline;
        if (const int error = start(slot); error != 0) {
            slot.result = util::fail_errno(error, "cannot start a thread", "raise the service's TasksMax");
            slot.log_failure(slot.result.error().message);
            return false;
        }
        slot.run_state = RunState::awaited;
        return true;
    }

    struct ThreadArgument {
        std::shared_ptr<State> state;
        CollectorSlot* slot;
    };

    // Starts the slot's thread if it does not run. Returns: 0 or an errno.
    int start(CollectorSlot& slot) {
        if (slot.thread) return 0;
        auto argument = std::make_unique<ThreadArgument>(shared_from_this(), &slot);
        pthread_t thread{};
        if (const int error = start_thread(thread, run_thread, argument.get()); error != 0) return error;
        [[maybe_unused]] auto* const owned_by_thread = argument.release();
        slot.thread = thread;
        return 0;
    }

    static void* run_thread(void* argument) {
        const std::unique_ptr<ThreadArgument> own(static_cast<ThreadArgument*>(argument));
        own->state->serve(*own->slot);
        return nullptr;
    }

    void serve(CollectorSlot& slot) {
        prepare_guarded(*slot.collector);
        std::unique_lock lock(mutex);
        for (;;) {
            slot.run_requested.wait(lock, [&] { return stopping || slot.busy(); });
            if (stopping) return;
            const auto until = slot.deadline;
            lock.unlock();
            Run run = run_once(*slot.collector, until);
            lock.lock();
            if (stopping) return;
            const bool awaited = slot.run_state == RunState::awaited;
            const auto now = clock();
            account.charge(slot.index, run.cost, now);
            slot.record_result(std::move(run), now);
            if (awaited && over_at() != deadline) eventfd_write(event_fd.get(), 1);  // a full counter is readable too
        }
    }
};

CollectorScheduler::CollectorScheduler(std::vector<std::unique_ptr<collect::Collector>> collectors, WorkBudget budget,
                                       util::ClockFunction clock)
    : m_state(std::make_shared<State>(std::move(collectors), budget, clock)) {
    if (!m_state->event_fd) throw std::system_error(errno, std::generic_category(), "cannot make an eventfd");
}

CollectorScheduler::~CollectorScheduler() {
    {
        const std::lock_guard lock(m_state->mutex);
        m_state->stopping = true;
        for (const auto& slot : m_state->slots) {
            slot->run_requested.notify_one();
            if (!slot->busy() || !slot->thread) continue;
            pthread_detach(*slot->thread);
            slot->thread.reset();
        }
    }
    for (const auto& slot : m_state->slots) {
        if (slot->thread) pthread_join(*slot->thread, nullptr);
    }
}

void CollectorScheduler::start() {
    const std::lock_guard lock(m_state->mutex);
    for (const auto& slot : m_state->slots) static_cast<void>(m_state->start(*slot));
}

std::string CollectorScheduler::gather(util::BootTime deadline) {
    begin(deadline);
    pollfd event{event_fd(), POLLIN, 0};
    for (;;) {
        const int left = util::remaining_ms(over_at(), m_state->clock());
        // left == 0: also in a test whose clock stands still.
        if (left == 0 || poll(&event, 1, left) == 0) break;
        clear_event();
    }
    end();
    return text();
}

void CollectorScheduler::begin(util::BootTime deadline, snapshot::RefreshReason reason) {
    std::vector<CollectorSlot*> requested;
    {
        const std::lock_guard lock(m_state->mutex);
        m_state->end();
        clear_event();
        m_state->began_at = m_state->clock();
        m_state->deadline = deadline;
        for (const auto& slot : m_state->slots) {
            if (slot->busy()) continue;
            slot->run_state = RunState::current;
            if (m_state->due(*slot, reason) && m_state->request_run(*slot)) requested.push_back(slot.get());
        }
        // The slowest of the last round first, because they wait longest.
        std::ranges::sort(requested, std::greater{}, &CollectorSlot::duration);
    }
    // Without the mutex, which each thread takes first when it wakes.
    for (CollectorSlot* slot : requested) slot->run_requested.notify_one();
}

util::BootTime CollectorScheduler::over_at() const {
    const std::lock_guard lock(m_state->mutex);
    return m_state->over_at();
}

void CollectorScheduler::end() {
    const std::lock_guard lock(m_state->mutex);
    m_state->end();
}

int CollectorScheduler::event_fd() const noexcept { return m_state->event_fd.get(); }

void CollectorScheduler::clear_event() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = read(event_fd(), &count, sizeof count);
}

std::string CollectorScheduler::text() const {
    exposition::MetricFamily success{
        "ceymail_collector_success",
        "Whether the collector's metrics are there: 1, or 0 when it failed, hangs or could "
        "read a part only."};
    exposition::MetricFamily duration{"ceymail_collector_duration_seconds",
                                      "How long the collector's last run took; of one that hangs, how long by now."};
    exposition::MetricFamily age{"ceymail_collector_age_seconds",
                                 "Age of the collector's metrics when the snapshot was taken. Costly ones are read "
                                 "less often, within the work budget."};
    std::string text;
    const std::lock_guard lock(m_state->mutex);
    const auto now = m_state->clock();
    for (const auto& slot : m_state->slots) {
        const bool good = slot->good(now, m_state->maximum_age);
        const exposition::Sample sample{{{"collector", std::string(slot->collector->name())}},
                                        std::uint64_t{good && !slot->shortfall}};
        success.samples.push_back(sample);
        duration.samples.push_back({sample.labels, seconds_of(slot->busy() ? now - slot->asked_at : slot->duration)});
        if (!good) continue;
        age.samples.push_back({sample.labels, seconds_of(m_state->began_at - slot->asked_at)});
        text += *slot->result;
    }
    for (const auto* family : {&success, &duration, &age}) exposition::append_family(text, *family);
    return text;
}

std::vector<snapshot::CollectorState> CollectorScheduler::report() const {
    std::vector<snapshot::CollectorState> states;
    const std::lock_guard lock(m_state->mutex);
    const auto now = m_state->clock();
    for (const auto& slot : m_state->slots) states.push_back(slot->state(now, m_state->maximum_age));
    return states;
}

snapshot::SnapshotTimes CollectorScheduler::times() const {
    const std::lock_guard lock(m_state->mutex);
    const auto now = m_state->clock();
    const auto maximum_age = m_state->maximum_age;
    auto oldest = m_state->began_at;
    for (const auto& slot : m_state->slots) {
        if (slot->good(now, maximum_age)) oldest = std::min(oldest, slot->asked_at);
    }
    return {m_state->began_at, oldest + maximum_age};
}

}  // namespace ceymail::scheduler
