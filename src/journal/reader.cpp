// SPDX-License-Identifier: MIT
#include "ceymail/journal/reader.hpp"

#include <array>
#include <utility>
#include <vector>

#include <poll.h>

#include "ceymail/journal/protocol.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::journal {
namespace {

using util::AwakeClock;
using util::AwakeTime;

std::uint64_t wall_clock_us() noexcept {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

// `is_failing`: an error was logged, and the journal was not read since; others are not logged.
void answer(const Request& request, int socket, Journal& journal, std::span<std::byte> space, bool& is_failing) {
    const auto log_once = [&](const util::Error& error) {
        if (!std::exchange(is_failing, true)) util::log(util::LogLevel::warning, error.message);
    };
    const auto before = util::thread_cpu_time();
    Reply reply;
    std::span<const std::byte> lines;
    if (const auto batch = journal.read(request.from, space, wall_clock_us())) {
        reply = {*batch};
        reply.outcome = Outcome::done;
        lines = space.first(batch->size);
        is_failing = false;
    } else if (batch.error().kind == util::ErrorKind::not_found) {
        reply.outcome = Outcome::no_journal;
    } else {
        log_once(batch.error());
    }
    reply.number = request.number;
    reply.cpu_ns = (util::thread_cpu_time() - before).count();
    if (const auto sent = send_reply(socket, reply, lines); !sent) log_once(sent.error());
}

}  // namespace

void serve_reader(int socket, int stop_fd, const std::filesystem::path& directory, std::atomic<AwakeTime>& busy,
                  std::chrono::milliseconds idle) {
    Journal journal(directory.string());
    std::vector<std::byte> space(Journal::k_space);
    bool is_failing = false;
    while (true) {
        busy.store(AwakeTime{}, std::memory_order_relaxed);
        std::array<pollfd, 2> polled{{{socket, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
        const int ready = ::poll(polled.data(), polled.size(), journal.is_open() ? static_cast<int>(idle.count()) : -1);
        if (ready == 0) journal.close();
        if (ready <= 0) continue;
        if (polled[1].revents != 0) return;
        busy.store(AwakeClock::now(), std::memory_order_relaxed);
        if (const auto request = take_request(socket)) answer(*request, socket, journal, space, is_failing);
    }
}

}  // namespace ceymail::journal
