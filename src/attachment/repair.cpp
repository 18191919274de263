// SPDX-License-Identifier: MIT
// repair(): what ceymail-attach.service runs.
#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include <sysexits.h>

#include "ceymail/attachment/attachment.hpp"
#include "ceymail/attachment/change.hpp"
#include "ceymail/attachment/target.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::attachment {
namespace {

using std::chrono::system_clock;
using util::LogLevel;

constexpr auto k_killed_run_wait = std::chrono::seconds(2);

std::int64_t seconds_of(system_clock::time_point when) {
    return std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count();
}

// Returns: what is left of `length` since `since`. A clock that was set back makes it no longer than `length`.
std::chrono::seconds left_of(std::chrono::seconds length, std::int64_t since, std::int64_t now) {
    if (since == 0) return {};
    return std::clamp(std::chrono::seconds(since - now) + length, std::chrono::seconds(0), length);
}

class Repair {
public:
    Repair(const Host& host, Record record)
        : m_host(host), m_record(std::move(record)), m_give_up(util::BootClock::now() + host.patience) {}

    int run() {
        for (;;) {
            if (!reload_record()) {
                unpublish(m_host);
                return EX_OK;
            }
            const auto target = find_target(m_host, m_record.wish);
            const auto attached = target ? is_attached(*target) : std::unexpected(target.error());
            publish(m_host, attached.value_or(false));
            if (attached.value_or(false)) {
                // An event while this runs starts nothing: a write since then is seen here.
                if (!target->file.was_written_since()) return EX_OK;
                continue;
            }
            if (const auto code = attached ? attempt(*target) : retry(attached.error())) return *code;
        }
    }

private:
    static Outcome<bool> is_attached(const Target& target) {
        const auto found = site::inspect(target.file.text(), target.request);
        if (found) return found->state == site::State::attached || found->state == site::State::by_hand;
        return failed(EX_DATAERR, target.file.path().string() + ": " + found.error().message);
    }

    // Returns: the exit code, or none: look again.
    std::optional<int> attempt(const Target& target) {
        const auto now = system_clock::now();
        if (now - target.file.changed_at() < m_host.quiet && now >= target.file.changed_at()) return pause();
        if (failed_before(target, now)) return EX_TEMPFAIL;  // the log had it
        if (const auto left = left_of(m_host.interval, m_record.last_edit, seconds_of(now)); left.count() > 0) {
            std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(left, m_host.interval));
            m_give_up = std::max(m_give_up, util::BootClock::now() + m_host.retry);
            return std::nullopt;
        }
        return try_to_attach(target);
    }

    std::optional<int> try_to_attach(const Target& target) {
        const auto done = attach(m_host, {}, Where::attached_before);
        if (done) {
            if (!done->file.empty())
                util::log(LogLevel::notice, {"the include was lost; attached again: ", done->file.native()});
            return std::nullopt;
        }
        const auto& failure = done.error();
        if (!failure.after_edit) return retry(failure);
        remember_failure(target);
        util::log(LogLevel::error, {"cannot attach again: ", failure.message,
                                    "; the next attempt follows a change of the site, or in an hour"});
        return failure.exit_code;
    }

    std::optional<int> retry(const Failure& failure) {
        if (util::BootClock::now() < m_give_up) return pause();
        util::log(LogLevel::error, {"cannot attach again: ", failure.message});
        return failure.exit_code;
    }

    std::optional<int> pause() const {
        std::this_thread::sleep_for(m_host.retry);
        return std::nullopt;
    }

    [[nodiscard]] bool failed_before(const Target& target, system_clock::time_point now) const {
        return !m_record.failed_text.empty() && m_record.failed_text == digest_of(target.file.text()) &&
               left_of(m_host.failure_interval, m_record.failed_at, seconds_of(now)).count() > 0;
    }

    void remember_failure(const Target& target) {
        if (!reload_record()) return;
        m_record.failed_text = digest_of(target.file.text());
        m_record.failed_at = m_record.last_edit = seconds_of(system_clock::now());
        if (const auto saved = save_record(m_host, m_record); !saved)
            util::log(LogLevel::warning, saved.error().message);
    }

    // Returns: false: detach() forgot it meanwhile.
    bool reload_record() {
        const auto record = load_record(m_host);
        if (record && *record) m_record = **record;
        return !record || record->has_value();
    }

    const Host& m_host;
    Record m_record;
    util::BootTime m_give_up;
};

}  // namespace

int repair(const Host& host) {
    const auto record = load_record(host);
    if (!record) {
        util::log(LogLevel::error, record.error().message);
        return record.error().exit_code;
    }
    if (!*record) {
        unpublish(host);
        util::log(LogLevel::notice, "nothing was attached on this host; run ceymail-attach first");
        return EX_OK;
    }
    // What a killed run left would be taken for an attached site, which was not reloaded, or for one with two hard
    // links. A run that is at work holds the lock. So does for a moment the child of one that was killed: until
    // execve(2) it has the descriptor.
    if (const auto lock = lock_state(host, k_killed_run_wait)) {
        if (const auto done = recover(host); !done) {
            publish(host, false);
            util::log(LogLevel::error, done.error().message);
            return done.error().exit_code;
        }
    }
    return Repair(host, **record).run();
}

}  // namespace ceymail::attachment
