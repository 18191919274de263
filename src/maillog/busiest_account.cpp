// SPDX-License-Identifier: MIT
#include "ceymail/maillog/busiest_account.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>

#include "ceymail/maillog/parser.hpp"
#include "ceymail/maillog/position.hpp"
#include "ceymail/maillog/stamp.hpp"

namespace ceymail::maillog {
namespace {

using std::chrono::sys_seconds;

constexpr std::size_t k_block = 1U << 20U;
constexpr std::size_t k_most_accounts = 100'000;

// Reads a file from its end to its start, in blocks of whole lines. `end`: where the lines end that are still to be
// returned. `bytes`: adds what it reads.
// Returns: the lines in front of those returned last; empty at the start of the file.
util::Result<std::string_view> lines_before(std::uint64_t& end, int fd, std::span<std::byte> block,
                                            std::uint64_t& bytes) {
    while (end > 0) {
        const auto begin = end - std::min<std::uint64_t>(end, block.size());
        const auto wanted = block.first(static_cast<std::size_t>(end - begin));
        CEYMAIL_TRY_ASSIGN(const auto got, read_at(fd, wanted, begin));
        const std::string_view text(reinterpret_cast<const char*>(block.data()), got);
        bytes += got;
        end = begin;
        if (begin == 0) return text;
        const auto first = text.find('\n') + 1;  // 0: the block is part of one line
        if (first == 0 || first == text.size()) continue;
        end = begin + first;
        return text.substr(first);
    }
    return std::string_view{};
}

class Tally {
public:
    explicit Tally(sys_seconds now) noexcept : m_now(now) {}

    // `lines`: what follows the last LF is no line yet.
    void add(std::string_view lines) {
        for (auto end = lines.find('\n'); end != lines.npos; end = lines.find('\n')) {
            add_line(lines.substr(0, end));
            lines.remove_prefix(end + 1);
        }
    }

    void count(const AccountMessages& found) {
        if (found.account.empty()) return;
        const std::string name(found.account);
        if (m_messages.size() < k_most_accounts || m_messages.contains(name)) m_messages[name] += found.messages;
    }

    [[nodiscard]] bool is_too_old(std::string_view line) const {
        const auto time = time_of(line, m_now);
        return time && *time < begin();
    }

    [[nodiscard]] BusiestAccount busiest() const {
        BusiestAccount found{.account = {}, .accounts = m_messages.size()};
        for (const auto& [account, messages] : m_messages) {
            if (messages < found.messages || (messages == found.messages && account > found.account)) continue;
            found.account = account;
            found.messages = messages;
        }
        return found;
    }

private:
    [[nodiscard]] sys_seconds begin() const noexcept { return m_now - std::chrono::hours(1); }

    void add_line(std::string_view line) {
        const auto found = account_of(line);
        if (found.account.empty()) return;
        const auto time = time_of(line, m_now);
        if (time && *time >= begin()) count(found);
    }

    sys_seconds m_now;
    std::unordered_map<std::string, std::uint64_t> m_messages;
};

// The same file may be there under two names, if it is rotated just now.
util::Result<bool> is_listed_again(const std::vector<util::Fd>& files, std::size_t index, const FileStatus& status) {
    for (auto i = index + 1; i < files.size(); ++i) {
        CEYMAIL_TRY_ASSIGN(const auto other, status_of(files[i].get()));
        if (other.is_same_file(status)) return true;
    }
    return false;
}

// Returns: none where the entries since then cost more than `limit`.
util::Result<std::optional<BusiestAccount>> count_since(journal::Journal& journal, sys_seconds begin, sys_seconds now,
                                                        std::uint64_t limit) {
    const auto us = [](sys_seconds time) {
        return static_cast<std::uint64_t>(std::chrono::microseconds(time.time_since_epoch()).count());
    };
    Tally tally(now);
    std::vector<std::byte> space(journal::Journal::k_space);
    journal::Position position;
    position.state = journal::State::since;
    position.realtime_us = us(begin);
    for (std::uint64_t work = 0; work <= limit;) {
        CEYMAIL_TRY_ASSIGN(const auto batch, journal.read(position, space, us(now)));
        position = batch.position;
        work += batch.scanned_bytes;
        std::span<const std::byte> lines(space.data(), batch.size);
        while (const auto line = journal::next_line(lines))
            tally.count(account_of_entry(line->identifier, line->message));
        if (batch.at_end) return tally.busiest();
    }
    return std::nullopt;
}

}  // namespace

util::Result<BusiestAccount> find_busiest_account(journal::Journal& journal, sys_seconds now, std::uint64_t limit) {
    for (const auto period : {std::chrono::minutes(60), std::chrono::minutes(10), std::chrono::minutes(1)}) {
        CEYMAIL_TRY_ASSIGN(auto found, count_since(journal, now - period, now, limit));
        if (!found) continue;
        found->period = period;
        return *found;
    }
    return util::fail(util::ErrorKind::exhausted,
                      "the journal has more lines of mail within the last minute than are read here");
}

util::Result<BusiestAccount> find_busiest_account(const std::vector<util::Fd>& files, sys_seconds now,
                                                  std::uint64_t limit) {
    Tally tally(now);
    std::vector<std::byte> block(k_block);
    std::uint64_t bytes = 0;
    for (auto i = files.size(); i-- > 0;) {
        CEYMAIL_TRY_ASSIGN(const auto status, status_of(files[i].get()));
        CEYMAIL_TRY_ASSIGN(const bool is_known, is_listed_again(files, i, status));
        if (is_known) continue;
        for (auto end = status.size;;) {
            CEYMAIL_TRY_ASSIGN(const auto lines, lines_before(end, files[i].get(), block, bytes));
            if (lines.empty()) break;
            tally.add(lines);
            if (tally.is_too_old(lines)) return tally.busiest();
            if (bytes < limit) continue;
            auto found = tally.busiest();
            found.is_whole_hour = false;
            return found;
        }
    }
    return tally.busiest();
}

}  // namespace ceymail::maillog
