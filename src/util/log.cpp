// SPDX-License-Identifier: MIT
#include "ceymail/util/log.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include <poll.h>
#include <unistd.h>

namespace ceymail::util {

namespace {

constexpr std::size_t k_line_limit = 1024;  // well under PIPE_BUF, so that one write is one line

// Kept in fixed storage: logging must work when nothing can be allocated.
std::array<char, 64> identity{"ceymail-metrics"};

class Line {
public:
    void add(std::string_view text) noexcept {
        for (const char c : text) {
            if (m_size == k_line_limit - 1) return;
            const auto byte = static_cast<unsigned char>(c);
            m_text[m_size++] = byte < 0x20 || byte == 0x7f ? '?' : c;
        }
    }
    void end() noexcept { m_text[m_size++] = '\n'; }
    [[nodiscard]] const char* data() const noexcept { return m_text.data(); }
    [[nodiscard]] std::size_t size() const noexcept { return m_size; }

private:
    std::array<char, k_line_limit> m_text;
    std::size_t m_size = 0;
};

// Lines that were dropped since the last one that was written.
std::atomic<unsigned> dropped{0};

// Returns: whether write(2) of a line would wait for the reader of a pipe or a socket. A terminal may wait: a person
// has stopped it. poll(2) calls a pipe writable when a page is free in it, and a UNIX socket when less than a quarter
// of its buffer is in use: a line fits into both.
bool would_wait() noexcept {
    pollfd one{STDERR_FILENO, POLLOUT, 0};
    return ::poll(&one, 1, 0) == 0 && ::isatty(STDERR_FILENO) == 0;
}

void write_line(LogLevel level, std::initializer_list<std::string_view> pieces) noexcept {
    Line line;
    if (std::getenv("JOURNAL_STREAM") != nullptr) {
        const std::array<char, 3> priority{'<', static_cast<char>('0' + static_cast<int>(level)), '>'};
        line.add({priority.data(), priority.size()});
    }
    line.add(identity.data());
    line.add(": ");
    for (const auto piece : pieces) line.add(piece);
    line.end();
    // There is nowhere to report a failure of standard error.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void set_log_identity(std::string_view program, std::string_view role) noexcept {
    dropped = 0;  // the lines of the parent
    identity.fill('\0');
    std::size_t used = 0;
    const auto add = [&](std::string_view text) {
        text = text.substr(0, identity.size() - 1 - used);
        std::ranges::copy(text, identity.begin() + used);
        used += text.size();
    };
    add(program);
    if (role.empty()) return;
    add("/");
    add(role);
}

void log(LogLevel level, std::string_view message) noexcept { log(level, {message}); }

void log(LogLevel level, std::initializer_list<std::string_view> pieces) noexcept {
    const int saved = errno;
    if (would_wait()) {
        ++dropped;
    } else {
        if (const auto lines = dropped.exchange(0); lines != 0) {
            std::array<char, 16> number{};
            const auto end = std::to_chars(number.begin(), number.end(), lines).ptr;
            write_line(LogLevel::warning,
                       {"lost ",
                        {number.begin(), end},
                        " lines before this one: what reads standard error (journald) did not read"});
        }
        write_line(level, pieces);
    }
    errno = saved;
}

}  // namespace ceymail::util
