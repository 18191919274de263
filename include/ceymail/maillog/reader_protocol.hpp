// SPDX-License-Identifier: MIT
// The messages between the gatherer, which opens the logs, and the log reader, which reads them.
// Processes: both ends; SOCK_SEQPACKET, a pair that the supervisor makes before it forks.
// Attackers: a log reader under an attacker's control answers anything.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::maillog {

inline constexpr std::size_t k_most_files = 4;  // in one request: of each log PATH.1 and PATH

// Carries the files of the logs as SCM_RIGHTS, those of the mail log first, each log's oldest first.
struct ReadRequest {
    std::uint64_t number = 0;       // the answer repeats it
    std::int64_t deadline_ns = 0;   // BootClock; the reader answers at about that time, with what it has read by then
    std::uint64_t limit = 0;        // bytes to be read, of both logs
    std::uint32_t mail_files = 0;   // descriptors
    std::uint32_t other_files = 0;  // descriptors, of Fail2ban's log
    std::uint32_t follow_mail = 0;  // 1: the mail log is to be read; without a file it is waited for. Where the journal
                                    // was read before, the file is read from its end on
    std::uint32_t follow_other = 0;
    std::uint32_t reset = 0;           // 1: counters and positions are to be dropped first
    std::uint32_t follow_journal = 0;  // 1: the journal is to be read instead of a file
};

enum class ReadOutcome : std::uint64_t { done, lost_place, failed, no_journal };

struct ReadReply {
    std::uint64_t number = 0;
    std::int64_t cpu_ns = 0;  // of the readers, for this request
    ReadOutcome outcome = ReadOutcome::done;
};

static_assert(std::has_unique_object_representations_v<ReadRequest> &&
              std::has_unique_object_representations_v<ReadReply>);

// Sends without waiting. Errors: the kind of the errno; exhausted: the other end has not taken earlier ones.
[[nodiscard]] util::Result<void> send_request(int socket, const ReadRequest& request,
                                              const std::vector<util::Fd>& files);
[[nodiscard]] util::Result<void> send_reply(int socket, const ReadReply& reply);

struct ReceivedRequest {
    ReadRequest request;
    std::vector<util::Fd> files;
};

// Takes the next message without waiting. Returns: none if there is none, or if it is malformed.
[[nodiscard]] std::optional<ReceivedRequest> take_request(int socket);
// Security: descriptors that come along are closed by the kernel.
[[nodiscard]] std::optional<ReadReply> take_reply(int socket) noexcept;

}  // namespace ceymail::maillog
