// SPDX-License-Identifier: MIT
// CollectorScheduler: which collectors a round runs, how long it waits, and its text; failures, hangs and the work
// budget.
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "ceymail/scheduler/collector_scheduler.hpp"
#include "ceymail/scheduler/collector_slot.hpp"
#include "ceymail/util/fd.hpp"
#include "support/forked_child.hpp"
#include "support/scripted_collector.hpp"
#include "support/temporary_directory.hpp"

namespace {

using namespace std::chrono_literals;
using ceymail::scheduler::CollectorScheduler;
using ceymail::scheduler::WorkBudget;
using ceymail::testing::gauge;
using ceymail::testing::scripted;
using ceymail::testing::slurp;
using ceymail::testing::TemporaryDirectory;
using ceymail::util::BootClock;
using ceymail::util::BootTime;
using ceymail::util::ErrorKind;
using ceymail::util::fail;
using ceymail::util::Fd;

constexpr WorkBudget k_unlimited{.share = 0};

std::atomic<std::int64_t> turned_ns = 0;
BootTime turned_clock() noexcept { return BootTime(std::chrono::nanoseconds(turned_ns.load())); }
void turn_to(std::chrono::nanoseconds time) { turned_ns = std::chrono::nanoseconds(1h + time).count(); }

template <class... Collectors>
std::vector<std::unique_ptr<ceymail::collect::Collector>> list(Collectors... collectors) {
    std::vector<std::unique_ptr<ceymail::collect::Collector>> all;
    (all.push_back(std::move(collectors)), ...);
    return all;
}

BootTime soon() { return BootClock::now() + 10s; }

bool has(const std::string& text, std::string_view line) {
    return ("\n" + text).find("\n" + std::string(line)) != std::string::npos;
}

// Returns a gauge, and says that something is missing while `cause` is set.
class Partial final : public ceymail::collect::Collector {
public:
    explicit Partial(const std::string& cause) : m_cause(cause) {}
    [[nodiscard]] std::string_view name() const noexcept override { return "partial"; }
    [[nodiscard]] ceymail::util::Result<ceymail::collect::Families> collect(BootTime) override {
        return gauge("ceymail_part", 1);
    }
    [[nodiscard]] std::optional<ceymail::util::Error> shortfall() const override {
        if (m_cause.empty()) return std::nullopt;
        return ceymail::util::Error{ErrorKind::denied, 0, m_cause};
    }

private:
    const std::string& m_cause;
};

// Runs rounds until the text has `line`, for sources that still recover.
std::string gather_until(CollectorScheduler& scheduler, std::string_view line) {
    std::string text;
    for (const auto deadline = soon(); !has(text, line) && BootClock::now() < deadline;)
        text = scheduler.gather(deadline);
    return text;
}

// Redirects standard error to a file.
class CapturedErrors {
public:
    CapturedErrors() : m_file(m_directory.write("errors", "")), m_before(dup(STDERR_FILENO)) {
        const Fd file(open(m_file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
        dup2(file.get(), STDERR_FILENO);
    }
    ~CapturedErrors() { dup2(m_before.get(), STDERR_FILENO); }
    [[nodiscard]] std::size_t count(std::string_view words) const {
        const std::string text = slurp(m_file);
        std::size_t found = 0;
        for (auto at = text.find(words); at != std::string::npos; at = text.find(words, at + 1)) ++found;
        return found;
    }

private:
    TemporaryDirectory m_directory;
    std::filesystem::path m_file;
    Fd m_before;
};

// A source that hangs in every run until it is released, while `hangs`.
struct Hanging {
    std::atomic<int> asked = 0;
    std::atomic<bool> hangs = true;
    std::promise<void> released;
    std::shared_future<void> release = released.get_future().share();
};

// Shares the source: a CollectorScheduler does not wait for a thread that hangs.
auto hanging(std::string name, std::shared_ptr<Hanging> source) {
    return scripted(std::move(name), [source](BootTime) -> ceymail::util::Result<ceymail::collect::Families> {
        const int number = ++source->asked;
        if (source->hangs) source->release.wait_for(20s);
        return gauge("slow", static_cast<std::uint64_t>(number));
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(collector_scheduler)

BOOST_AUTO_TEST_CASE(formats_all_families_in_the_order_of_the_collectors) {
    CollectorScheduler scheduler(list(scripted("b", [](BootTime) { return gauge("second_by_name", 1); }),
                                      scripted("a", [](BootTime) { return gauge("first_by_name", 2); })),
                                 k_unlimited);
    const auto text = scheduler.gather(soon());
    BOOST_TEST(has(text, "second_by_name 1\n"));
    BOOST_TEST(has(text, "first_by_name 2\n"));
    BOOST_TEST(text.find("second_by_name 1") < text.find("first_by_name 2"));
    BOOST_TEST(has(text,
                   "# TYPE ceymail_collector_success gauge\nceymail_collector_success{collector=\"b\"} 1\n"
                   "ceymail_collector_success{collector=\"a\"} 1\n"));
    BOOST_TEST(has(text, "ceymail_collector_duration_seconds{collector=\"b\"} "));
    BOOST_TEST(has(text, "ceymail_collector_age_seconds{collector=\"b\"} 0\n"));
}

BOOST_AUTO_TEST_CASE(a_failing_collector_costs_only_its_own_metrics) {
    std::atomic<int> kind = 0;
    CollectorScheduler scheduler(list(scripted("bad",
                                               [&](BootTime) -> ceymail::util::Result<ceymail::collect::Families> {
                                                   if (kind == 0) return fail(ErrorKind::unavailable, "it is away");
                                                   if (kind == 1) throw std::runtime_error("thrown");
                                                   if (kind == 2) throw 3;
                                                   return gauge("bad", 1);
                                               }),
                                      scripted("good", [](BootTime) { return gauge("good", 1); })),
                                 k_unlimited);
    const CapturedErrors errors;
    for (kind = 0; kind < 3; ++kind) {
        const auto text = scheduler.gather(soon());
        BOOST_TEST(!has(text, "bad "));
        BOOST_TEST(!has(text, "ceymail_collector_age_seconds{collector=\"bad\"}"));
        BOOST_TEST(has(text, "good 1\n"));
        BOOST_TEST(has(text, "ceymail_collector_success{collector=\"bad\"} 0\n"));
    }
    BOOST_TEST(has(scheduler.gather(soon()), "bad 1\n"));
}

BOOST_AUTO_TEST_CASE(logs_when_a_failure_begins_and_when_it_ends) {
    std::atomic<bool> bad = false;
    CollectorScheduler scheduler(list(scripted("queue",
                                               [&](BootTime) -> ceymail::util::Result<ceymail::collect::Families> {
                                                   if (bad)
                                                       return fail(ErrorKind::denied, "cannot read it; give the right");
                                                   return gauge("x", 1);
                                               })),
                                 k_unlimited);
    const CapturedErrors errors;
    for (const bool now_bad : {false, true, true, true, false, false, true}) {
        bad = now_bad;
        (void)scheduler.gather(soon());
    }
    BOOST_TEST(errors.count("collector queue: cannot read it; give the right; its metrics are absent") == 2U);
    BOOST_TEST(errors.count("collector queue: succeeds again") == 1U);
}

BOOST_AUTO_TEST_CASE(reports_how_long_a_collector_fails_and_its_last_error) {
    using ceymail::snapshot::CollectorState;
    using ceymail::snapshot::Health;
    std::string trouble = "cannot read it; give the right";
    turn_to(0s);
    CollectorScheduler scheduler(list(scripted("queue",
                                               [&](BootTime) -> ceymail::util::Result<ceymail::collect::Families> {
                                                   if (!trouble.empty()) return fail(ErrorKind::denied, trouble);
                                                   return gauge("x", 1);
                                               })),
                                 k_unlimited, turned_clock);
    const CapturedErrors errors;
    const auto report_at = [&](std::chrono::seconds time) {
        turn_to(time);
        (void)scheduler.gather(turned_clock() + 10s);
        return scheduler.report().at(0);
    };
    BOOST_TEST((scheduler.report().at(0) == CollectorState{"queue", Health::waits, 0, {}}));
    BOOST_TEST((report_at(10s) == CollectorState{"queue", Health::fails, 0, trouble}));
    trouble = "now it is gone; make it";
    BOOST_TEST((report_at(70s) == CollectorState{"queue", Health::fails, 60, trouble}));
    trouble.clear();
    BOOST_TEST((report_at(80s) == CollectorState{"queue", Health::works, 0, {}}));
    turn_to(85s);
    BOOST_TEST((scheduler.report().at(0) == CollectorState{"queue", Health::works, 5, {}}));
    turn_to(80s + 301s);  // beyond the maximum age
    BOOST_TEST((scheduler.report().at(0) == CollectorState{"queue", Health::waits, 0, {}}));
}

BOOST_AUTO_TEST_CASE(reports_that_a_source_hangs) {
    const auto source = std::make_shared<Hanging>();
    const CapturedErrors errors;
    CollectorScheduler scheduler(list(hanging("disk", source)), k_unlimited);
    (void)scheduler.gather(BootClock::now() + 20ms);
    const auto state = scheduler.report().at(0);
    BOOST_TEST((state.health == ceymail::snapshot::Health::fails));
    BOOST_TEST(state.trouble.find("what it asks hangs") != std::string::npos, state.trouble);
    source->released.set_value();
}

BOOST_AUTO_TEST_CASE(one_round_waits_for_a_hanging_collector_and_it_runs_again_when_it_returns) {
    const auto source = std::make_shared<Hanging>();
    const CapturedErrors errors;
    CollectorScheduler scheduler(
        list(hanging("disk", source), scripted("good", [](BootTime) { return gauge("good", 1); })), k_unlimited);
    for (int round = 0; round < 3; ++round) {
        const auto began = BootClock::now();
        const auto text = scheduler.gather(began + (round == 0 ? 50ms : 10s));
        BOOST_TEST((BootClock::now() - began < 5s));
        BOOST_TEST(has(text, "good 1\n"));
        BOOST_TEST(!has(text, "slow "));
        BOOST_TEST(has(text, "ceymail_collector_success{collector=\"disk\"} 0\n"));
        BOOST_TEST(!has(text, "ceymail_collector_duration_seconds{collector=\"disk\"} 0\n"));
    }
    const auto end = BootClock::now() + 20s;  // its thread may not have had a processor yet
    while (source->asked == 0 && BootClock::now() < end) std::this_thread::sleep_for(1ms);
    BOOST_TEST(source->asked == 1);
    source->hangs = false;
    source->released.set_value();
    const auto text = gather_until(scheduler, "slow ");
    BOOST_TEST(has(text, "slow 2\n"));  // the late result of the first run is not used
    BOOST_TEST(has(text, "ceymail_collector_success{collector=\"disk\"} 1\n"));
    BOOST_TEST(errors.count("collector disk: no answer for") == 1U);
    BOOST_TEST(errors.count("collector disk: succeeds again") == 1U);
}

BOOST_AUTO_TEST_CASE(a_source_that_timed_out_delays_later_rounds_by_the_suspect_timeout_at_most) {
    std::atomic<bool> stuck = true;
    std::atomic<int> asked = 0;
    std::promise<void> end;
    auto ended = end.get_future().share();
    CollectorScheduler scheduler(
        list(scripted("services",
                      [&, ended](BootTime deadline) -> ceymail::util::Result<ceymail::collect::Families> {
                          ++asked;
                          if (!stuck) return gauge("up", 1);
                          ended.wait_for(deadline - BootClock::now());
                          return fail(ErrorKind::timed_out, "no answer");
                      })),
        k_unlimited);
    const CapturedErrors errors;
    (void)scheduler.gather(BootClock::now() + 300ms);
    while (asked < 2) (void)scheduler.gather(BootClock::now() + 20s);  // its thread may still be busy
    stuck = false;
    const auto began = BootClock::now();
    (void)scheduler.gather(began + 20s);
    BOOST_TEST((BootClock::now() - began < 10s));
    end.set_value();
    const auto text = gather_until(scheduler, "up 1\n");
    BOOST_TEST(has(text, "up 1\n"));
}

BOOST_AUTO_TEST_CASE(shows_a_part_before_the_round_is_over) {
    const auto source = std::make_shared<Hanging>();
    std::promise<void> quick;
    CollectorScheduler scheduler(list(hanging("slow", source), scripted("good",
                                                                        [&](BootTime) {
                                                                            quick.set_value();
                                                                            return gauge("good", 1);
                                                                        })),
                                 k_unlimited);
    const auto deadline = soon();
    scheduler.begin(deadline);
    quick.get_future().wait();
    while (!has(scheduler.text(), "good 1\n")) std::this_thread::yield();
    BOOST_TEST((scheduler.over_at() == deadline));
    BOOST_TEST(has(scheduler.text(), "ceymail_collector_success{collector=\"slow\"} 0\n"));
    source->released.set_value();
    while (scheduler.over_at() == deadline) std::this_thread::yield();
    scheduler.end();
    BOOST_TEST(has(scheduler.text(), "slow 1\n"));
}

BOOST_AUTO_TEST_CASE(a_costly_collector_pauses_and_its_last_value_is_served_with_its_age) {
    std::atomic<int> runs = 0;
    turn_to(0s);
    CollectorScheduler scheduler(
        list(scripted(
            "queue", [&](BootTime) { return gauge("queue", static_cast<std::uint64_t>(++runs)); }, 100ms)),
        {.share = 0.01}, turned_clock);
    struct Step {
        std::chrono::seconds at;
        int runs;
        const char* age;
    };
    for (const auto& [when, want, age] : {Step{0s, 1, "0"}, Step{1s, 1, "1"}, Step{9s, 1, "9"}, Step{15s, 2, "0"},
                                          Step{20s, 2, "5"}, Step{30s, 3, "0"}}) {
        turn_to(when);
        const auto text = scheduler.gather(turned_clock() + 10s);
        BOOST_TEST(runs == want);
        BOOST_TEST(has(text, "queue " + std::to_string(want) + "\n"));
        BOOST_TEST(has(text, std::string("ceymail_collector_age_seconds{collector=\"queue\"} ") + age + "\n"));
        BOOST_TEST(has(text, "ceymail_collector_success{collector=\"queue\"} 1\n"));
    }
}

BOOST_AUTO_TEST_CASE(in_an_outage_collectors_that_depend_on_the_database_run_at_once) {
    std::atomic<bool> database_up = true;
    std::atomic<int> queue_runs = 0;
    turn_to(0s);
    const auto count = [&](BootTime) -> ceymail::util::Result<ceymail::collect::Families> {
        if (database_up) return gauge("accounts", 1);
        return fail(ErrorKind::unavailable, "MariaDB is gone");
    };
    const auto read_queue = [&](BootTime) { return gauge("queue", static_cast<std::uint64_t>(++queue_runs)); };
    CollectorScheduler scheduler(
        list(std::make_unique<ceymail::testing::ScriptedCollector>("accounts", count, 100ms, true),
             scripted("queue", read_queue, 100ms)),
        {.share = 0.01}, turned_clock);
    BOOST_TEST(has(scheduler.gather(turned_clock() + 10s), "accounts 1\n"));

    database_up = false;
    turn_to(1s);
    BOOST_TEST(has(scheduler.gather(turned_clock() + 10s), "accounts 1\n"));  // not due
    scheduler.begin(turned_clock() + 10s, ceymail::snapshot::RefreshReason::outage);
    pollfd event_fd{scheduler.event_fd(), POLLIN, 0};
    BOOST_TEST(::poll(&event_fd, 1, 5000) == 1);
    BOOST_TEST(!has(scheduler.text(), "accounts "));
    BOOST_TEST(has(scheduler.text(), "queue 1\n"));
    BOOST_TEST(queue_runs == 1);
}

BOOST_AUTO_TEST_CASE(a_costly_failure_pauses_as_well) {
    std::atomic<int> runs = 0;
    turn_to(0s);
    CollectorScheduler scheduler(list(scripted(
                                     "queue",
                                     [&](BootTime) -> ceymail::util::Result<ceymail::collect::Families> {
                                         ++runs;
                                         return fail(ErrorKind::exhausted, "too many");
                                     },
                                     100ms)),
                                 {.share = 0.01}, turned_clock);
    const CapturedErrors errors;
    for (const auto when : {0s, 5s, 9s}) {
        turn_to(when);
        BOOST_TEST(has(scheduler.gather(turned_clock() + 10s), "ceymail_collector_success{collector=\"queue\"} 0\n"));
    }
    BOOST_TEST(runs == 1);
}

BOOST_AUTO_TEST_CASE(no_value_is_served_beyond_the_maximum_age) {
    std::atomic<int> runs = 0;
    turn_to(0s);
    CollectorScheduler scheduler(
        list(scripted(
                 "queue", [&](BootTime) { return gauge("queue", static_cast<std::uint64_t>(++runs)); }, 100s),
             scripted("cpu", [](BootTime) { return gauge("cpu", 1); })),
        {.share = 0.01, .maximum_age = 60s}, turned_clock);
    (void)scheduler.gather(turned_clock() + 10s);
    const auto first = turned_clock();
    turn_to(59s);
    BOOST_TEST(has(scheduler.gather(turned_clock() + 10s), "queue 1\n"));
    BOOST_TEST((scheduler.times().taken_at == turned_clock()));
    BOOST_TEST((scheduler.times().good_until == first + 60s));
    turn_to(70s);
    BOOST_TEST(!has(scheduler.text(), "queue 1\n"));  // not even without a new round
    BOOST_TEST(has(scheduler.gather(turned_clock() + 10s), "queue 2\n"));
    BOOST_TEST((scheduler.times().good_until == turned_clock() + 60s));
}

BOOST_AUTO_TEST_CASE(at_the_maximum_age_a_value_is_served_and_read_again) {
    std::atomic<int> runs = 0;
    turn_to(0s);
    CollectorScheduler scheduler(
        list(scripted(
            "queue", [&](BootTime) { return gauge("queue", static_cast<std::uint64_t>(++runs)); }, 100s)),
        {.share = 0.01, .maximum_age = 60s}, turned_clock);
    (void)scheduler.gather(turned_clock() + 10s);
    turn_to(60s);
    BOOST_TEST(has(scheduler.text(), "queue 1\n"));
    BOOST_TEST(has(scheduler.gather(turned_clock() + 10s), "queue 2\n"));
}

BOOST_AUTO_TEST_CASE(a_round_begins_without_the_event_of_the_last_one) {
    const auto source = std::make_shared<Hanging>();
    source->hangs = false;
    {
        CollectorScheduler scheduler(list(hanging("slow", source)), k_unlimited);
        const CapturedErrors errors;
        pollfd event_fd{scheduler.event_fd(), POLLIN, 0};
        scheduler.begin(soon());
        BOOST_TEST(::poll(&event_fd, 1, 5000) == 1);
        source->hangs = true;
        scheduler.begin(soon());
        BOOST_TEST(::poll(&event_fd, 1, 0) == 0);
        source->released.set_value();
        BOOST_TEST(::poll(&event_fd, 1, 5000) == 1);
    }
}

BOOST_AUTO_TEST_CASE(ends_its_threads_and_does_not_wait_for_a_hung_one) {
    const auto source = std::make_shared<Hanging>();
    std::latch returned(1);
    {
        CollectorScheduler scheduler(list(scripted("hung",
                                                   [&](BootTime) {
                                                       source->release.wait();
                                                       returned.count_down();
                                                       return gauge("x", 1);
                                                   }),
                                          scripted("idle", [](BootTime) { return gauge("y", 1); })),
                                     k_unlimited);
        const CapturedErrors errors;
        (void)scheduler.gather(BootClock::now() + 20ms);
    }
    source->released.set_value();
    returned.wait();
}

BOOST_AUTO_TEST_CASE(a_shortfall_costs_the_success_and_not_what_was_read) {
    const CapturedErrors errors;
    std::string cause = "cannot read one of them; mend it";
    CollectorScheduler scheduler(list(std::make_unique<Partial>(cause)), k_unlimited);
    for (int round = 0; round < 2; ++round) {
        const auto text = scheduler.gather(soon());
        BOOST_TEST(has(text, "ceymail_part 1"));
        BOOST_TEST(has(text, "ceymail_collector_success{collector=\"partial\"} 0"), text);
        BOOST_TEST(has(text, "ceymail_collector_age_seconds{collector=\"partial\"}"), text);
    }
    const auto state = scheduler.report().at(0);
    BOOST_TEST((state.health == ceymail::snapshot::Health::fails));
    BOOST_TEST(state.trouble == cause);
    cause.clear();
    BOOST_TEST(has(scheduler.gather(soon()), "ceymail_collector_success{collector=\"partial\"} 1"));
    BOOST_TEST(
        errors.count("collector partial: cannot read one of them; mend it; only what it could not read is absent\n") ==
        1U);
    BOOST_TEST(errors.count("collector partial: succeeds again") == 1U);
}

// The clock moves while the collector runs; so does the bound of the next round's wait show what the run was.
BOOST_AUTO_TEST_CASE(a_source_is_suspect_after_a_late_answer_or_a_late_failure_and_not_at_the_limit) {
    using ceymail::scheduler::k_suspect_timeout;
    constexpr auto k_round = 10s;
    const struct {
        const char* label;
        std::chrono::nanoseconds takes;
        bool succeeds;
        bool suspect;
    } table[] = {
        {"an answer at the deadline", k_round, true, false},
        {"an answer after it", k_round + 1ns, true, true},
        {"a slow answer", k_suspect_timeout + 1ns, true, false},
        {"a failure within the time", k_suspect_timeout, false, false},
        {"a failure after it", k_suspect_timeout + 1ns, false, true},
    };
    for (const auto& row : table) {
        const CapturedErrors errors;
        turn_to(0s);
        const auto began = turned_clock();
        std::atomic<bool> first = true;
        std::promise<void> end;
        const auto ended = end.get_future().share();
        CollectorScheduler scheduler(
            list(scripted("one",
                          [&, ended](BootTime) -> ceymail::util::Result<ceymail::collect::Families> {
                              if (!first.exchange(false))
                                  ended.wait();
                              else
                                  turn_to(row.takes);
                              if (row.succeeds) return gauge("one", 1);
                              return fail(ErrorKind::unavailable, "no");
                          })),
            k_unlimited, turned_clock);
        scheduler.begin(began + k_round);
        while (scheduler.over_at() == began + k_round) std::this_thread::yield();
        scheduler.end();
        const auto again = turned_clock();
        scheduler.begin(again + k_round);
        BOOST_TEST((scheduler.over_at() == again + (row.suspect ? k_suspect_timeout : k_round)), row.label);
        end.set_value();
        while (scheduler.over_at() != BootTime{}) std::this_thread::yield();
    }
}

// In a process whose memory cannot grow.
BOOST_AUTO_TEST_CASE(a_failure_whose_words_find_no_memory_is_a_failure_all_the_same) {
    struct Wordy : std::exception {
        explicit Wordy(const std::string& text) : words(text.c_str()) {}
        [[nodiscard]] const char* what() const noexcept override { return words; }
        const char* words;
    };
    ceymail::testing::ForkedChild child([] {
        const std::string text(1U << 26U, 'x');
        const auto collector = scripted("wordy", [&](BootTime) -> ceymail::util::Result<ceymail::collect::Families> {
            const rlimit none{1, 1};
            if (::setrlimit(RLIMIT_AS, &none) != 0) return {};
            throw Wordy(text);
        });
        const auto run = ceymail::scheduler::run_once(*collector, soon());
        if (run.families) return 1;
        return run.families.error().message == "out of memory" ? 0 : 2;
    });
    BOOST_TEST(child.wait() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
