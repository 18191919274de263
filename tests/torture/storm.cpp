// SPDX-License-Identifier: MIT
#include "torture/storm.hpp"

#include <atomic>
#include <csignal>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ceymail/shared/segment.hpp"
#include "support/forked_child.hpp"
#include "support/shared_value.hpp"
#include "support/temporary_directory.hpp"

namespace {
std::atomic<std::int64_t>* wall_clock_offset_seconds = nullptr;  // shared with those who were forked
}

// In place of libc's, so that the wall clock can be set without a word to anybody else on this host.
extern "C" int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
    const auto result = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
    if (clock == CLOCK_REALTIME && wall_clock_offset_seconds != nullptr) time->tv_sec += *wall_clock_offset_seconds;
    return result;
}

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
using admission::Admission;

constexpr std::size_t k_workers = 4;
constexpr auto k_longer_than_others_wait = 130ms;

std::int64_t boot_time() noexcept {
    timespec time{};
    ::syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &time);
    return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

struct LoggedSpan {
    std::atomic<std::size_t> key;
    std::atomic<std::int64_t> begin;
    std::atomic<std::int64_t> end;
};

struct Question {  // that a worker has asked and not yet logged the answer to
    std::atomic<std::size_t> key;
    std::atomic<std::int64_t> since;  // 0: none
};

// What all processes of a storm write to.
struct Journal {
    std::array<AdmissionHistory<1U << 19>, k_storm_keys> admitted;
    std::array<AdmissionHistory<1U << 22>, k_storm_keys> refused;
    std::array<Question, k_workers> open;
    std::array<LoggedSpan, 1U << 16> possible;
    std::atomic<std::size_t> possible_size;
    std::atomic<std::size_t> undecided;
    std::atomic<std::size_t> foreign_times;
    std::atomic<bool> full;
    std::atomic<std::int64_t> wall_clock_offset;

    void may_have_admitted(std::size_t key, std::int64_t begin, std::int64_t end) noexcept {
        const auto index = possible_size.fetch_add(1);
        if (index >= possible.size()) {
            full = true;
            return;
        }
        possible[index].key = key;
        possible[index].begin = begin;
        possible[index].end = end;
    }
    void log(std::size_t key, const admission::RateDecision& decision, std::int64_t begin) noexcept {
        const auto end = boot_time();
        const auto at = decision.decided_at.time_since_epoch().count();
        if (decision.admission == Admission::undecided) {
            ++undecided;
            return may_have_admitted(key, begin, end);
        }
        if (at < begin || at > end) ++foreign_times;
        if (decision.admission == Admission::spent) {
            refused[key].add(decision.decided_at);  // one that finds no place is one less to look at
        } else if (!admitted[key].add(decision.decided_at)) {
            full = true;
        }
    }
};

[[noreturn]] void ask_for_ever(shared::Segment& segment, Journal& journal, std::size_t worker) {
    admission::RateTable table(segment.layout().rate, k_storm_window, util::BootClock::now);
    auto& open = journal.open[worker];
    for (std::size_t i = worker;; ++i) {
        const auto key = i % k_storm_keys;
        const auto begin = boot_time();
        open.key = key;
        open.since = begin;
        journal.log(key, table.admit({.network = key, .family = admission::AddressFamily::ipv4}), begin);
        open.since = 0;
        if (i % 64 == 0) std::this_thread::yield();
    }
}

class Storm {
public:
    explicit Storm(const StormPlan& plan) : m_plan(plan) {
        wall_clock_offset_seconds = &m_journal->wall_clock_offset;
        begin();
    }
    ~Storm() { wall_clock_offset_seconds = nullptr; }
    Storm(const Storm&) = delete;
    Storm& operator=(const Storm&) = delete;

    StormReport run() {
        const auto end = util::BootClock::now() + m_plan.longest;
        while (!is_done() && !m_journal->full && util::BootClock::now() < end) {
            std::this_thread::sleep_for(std::chrono::microseconds(m_random() % 1000));
            step_wall_clock();
            strike(m_random() % k_workers);
            if (m_report.kills >= (m_report.restarts + 1) * m_plan.kills / (m_plan.restarts + 1)) restart();
        }
        for (std::size_t i = 0; i < k_workers; ++i) kill(i);
        return report();
    }

private:
    [[nodiscard]] bool is_done() const {
        return m_report.kills >= m_plan.kills && m_report.kills_of_holders >= m_plan.kills_of_holders &&
               m_report.stops_of_holders >= m_plan.stops_of_holders;
    }

    void begin() {
        auto attached = shared::Segment::attach(m_directory.path());
        if (!attached) throw std::runtime_error(attached.error().message);
        m_segment.emplace(std::move(*attached));
        for (std::size_t i = 0; i < k_workers; ++i) m_workers.push_back(hired(i));
    }

    ForkedChild hired(std::size_t worker) {
        return ForkedChild([this, worker] {
            ask_for_ever(*m_segment, *m_journal, worker);
            return 0;
        });
    }

    // Stopped first: so it is known whether it holds a lock when it dies.
    void strike(std::size_t worker) {
        m_workers[worker].signal(SIGSTOP);
        m_workers[worker].wait_until_stopped();
        const bool holder = holds_a_lock(m_workers[worker].pid());
        if (holder && m_report.stops_of_holders < m_plan.stops_of_holders && m_random() % 8 == 0) {
            ++m_report.stops_of_holders;
            std::this_thread::sleep_for(k_longer_than_others_wait);
            if (m_random() % 2 == 0) return m_workers[worker].signal(SIGCONT);
        }
        ++m_report.kills;
        if (holder) ++m_report.kills_of_holders;
        kill(worker);
        m_workers[worker] = hired(worker);
    }

    // pthread_mutex(3): glibc keeps the holder's thread id in the lock word, for the kernel to find when it dies.
    [[nodiscard]] bool holds_a_lock(pid_t pid) const {
        const auto is_its = [pid](admission::RateBucket& bucket) {
            const std::atomic_ref word(bucket.lock.__data.__lock);
            return (static_cast<unsigned>(word.load()) & FUTEX_TID_MASK) == static_cast<unsigned>(pid);
        };
        return std::ranges::any_of(m_segment->layout().rate.buckets, is_its);
    }

    void kill(std::size_t worker) {
        m_workers[worker].signal(SIGKILL);
        m_workers[worker].wait();
        auto& open = m_journal->open[worker];
        if (open.since != 0) m_journal->may_have_admitted(open.key, open.since, boot_time());
        open.since = 0;
    }

    void restart() {
        for (std::size_t i = 0; i < k_workers; ++i) kill(i);
        m_workers.clear();
        m_segment.reset();
        begin();
        ++m_report.restarts;
    }

    void step_wall_clock() {
        constexpr std::int64_t k_day = 86400;
        if (m_random() % 16 != 0) return;
        m_journal->wall_clock_offset = static_cast<std::int64_t>(m_random() % (2 * k_day)) - k_day;
        ++m_report.clock_steps;
    }

    StormReport report() {
        for (std::size_t i = 0; i < k_storm_keys; ++i) {
            m_report.keys[i].admitted = m_journal->admitted[i].sorted();
            m_report.keys[i].refused = m_journal->refused[i].sorted();
        }
        const auto size = std::min(m_journal->possible_size.load(), m_journal->possible.size());
        for (std::size_t i = 0; i < size; ++i) {
            const auto& span = m_journal->possible[i];
            m_report.keys[span.key].possible.push_back({span.begin, span.end});
        }
        m_report.undecided = m_journal->undecided;
        m_report.foreign_times = m_journal->foreign_times;
        return std::move(m_report);
    }

    const StormPlan m_plan;
    TemporaryDirectory m_directory;
    SharedValue<Journal> m_journal;
    std::optional<shared::Segment> m_segment;
    std::vector<ForkedChild> m_workers;
    std::mt19937 m_random{20261122};
    StormReport m_report;
};

}  // namespace

StormReport storm(const StormPlan& plan) { return Storm(plan).run(); }

}  // namespace ceymail::testing
