// SPDX-License-Identifier: MIT
// The messages between the log reader, which parses lines, and the journal reader, which takes them from the journal.
// Processes: both ends; SOCK_SEQPACKET, a pair that the supervisor makes before it forks.
// Attackers: a log reader under an attacker's control requests anything. A journal reader under an attacker's control
// answers anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "ceymail/journal/journal.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::journal {

struct Request {
    std::uint64_t number = 0;  // the answer repeats it
    Position from;
};

enum class Outcome : std::uint64_t { done, no_journal, failed };

// The lines of the batch follow in the same message.
struct Reply : Findings {
    std::uint64_t number = 0;
    std::int64_t cpu_ns = 0;  // of the journal reader, for this request
    Outcome outcome = Outcome::failed;
};

static_assert(std::has_unique_object_representations_v<Request> && std::has_unique_object_representations_v<Reply>);

// Send without waiting. Errors: the kind of the errno; exhausted: the other end has not taken earlier ones.
[[nodiscard]] util::Result<void> send_request(int socket, const Request& request);
[[nodiscard]] util::Result<void> send_reply(int socket, const Reply& reply, std::span<const std::byte> lines);

// Take the next message without waiting. Returns: none if there is none, or if it is malformed.
// Security: descriptors that come along are closed by the kernel.
[[nodiscard]] std::optional<Request> take_request(int socket) noexcept;
struct ReceivedLines {
    Reply reply;
    std::span<const std::byte> lines;  // within the caller's space
};
[[nodiscard]] std::optional<ReceivedLines> take_reply(int socket, std::span<std::byte> space) noexcept;

}  // namespace ceymail::journal
