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

class JournalReader {
public:
    JournalReader(int socket, std::string directory) : m_socket(socket), m_journal(std::move(directory)) {}

    void handle(const Request& request) {
        const auto before = util::thread_cpu_time();
        Reply reply;
        std::span<const std::byte> lines;
        if (const auto batch = m_journal.read(request.from, m_space, wall_clock_us())) {
            reply = {*batch};
            reply.outcome = Outcome::done;
            lines = std::span(m_space).first(batch->size);
            m_logged = false;
        } else if (batch.error().kind == util::ErrorKind::not_found) {
            reply.outcome = Outcome::no_journal;
        } else {
            log_once(batch.error());
        }
        reply.number = request.number;
        reply.cpu_ns = (util::thread_cpu_time() - before).count();
        if (const auto sent = send_reply(m_socket, reply, lines); !sent) log_once(sent.error());
    }

    [[nodiscard]] bool is_open() const noexcept { return m_journal.is_open(); }
    void close() noexcept { m_journal.close(); }

private:
    void log_once(const util::Error& error) noexcept {
        if (!std::exchange(m_logged, true)) util::log(util::LogLevel::warning, error.message);
    }

    int m_socket;
    Journal m_journal;
    std::vector<std::byte> m_space = std::vector<std::byte>(Journal::k_space);
    bool m_logged = false;
};

}  // namespace

void serve_reader(int socket, int stop_fd, const std::filesystem::path& directory, std::atomic<AwakeTime>& busy,
                  std::chrono::milliseconds idle) {
    JournalReader reader(socket, directory.string());
    while (true) {
        busy.store(AwakeTime{}, std::memory_order_relaxed);
        std::array<pollfd, 2> polled{{{socket, POLLIN, 0}, {stop_fd, POLLIN, 0}}};
        const int ready = ::poll(polled.data(), polled.size(), reader.is_open() ? static_cast<int>(idle.count()) : -1);
        if (ready == 0) reader.close();
        if (ready <= 0) continue;
        if (polled[1].revents != 0) return;
        busy.store(AwakeClock::now(), std::memory_order_relaxed);
        if (const auto request = take_request(socket)) reader.handle(*request);
    }
}

}  // namespace ceymail::journal
