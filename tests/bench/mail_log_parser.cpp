// SPDX-License-Identifier: MIT
// Reads a mail log as the log reader does, by its follower, and prints some counters as a JSON object.
//   usage: mail_log_parser FILE
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include <fcntl.h>

#include "ceymail/maillog/follower.hpp"
#include "ceymail/util/fd.hpp"

namespace {

using namespace ceymail;

constexpr std::size_t k_bytes_at_once = 8U << 20U;

void print(const maillog::Counters& counters) {
    using namespace maillog;
    std::uint64_t unparsed = 0;
    for (const auto lines : counters.unparsed.values) unparsed += lines;
    std::printf("{\"received\": %" PRIu64 ", \"submitted\": %" PRIu64 ", \"sent\": %" PRIu64 ", \"unparsed\": %" PRIu64
                "}\n",
                counters.received(Source::smtp), counters.received(Source::submission),
                counters.recipients(Transport::lmtp, Status::sent) + counters.recipients(Transport::smtp, Status::sent),
                unparsed);
}

// Reads the whole file. Returns: whether it could.
bool read_all(maillog::Follower& follower, const char* file) {
    if (!follower.hand_over({})) return false;  // so that the file is one that came later, and is read from its start
    std::vector<util::Fd> files;
    files.emplace_back(::open(file, O_RDONLY | O_CLOEXEC));
    if (!follower.hand_over(std::move(files))) return false;
    for (;;) {
        const auto progress = follower.read(k_bytes_at_once, util::BootTime{});
        if (!progress || progress->lost_place) return false;
        if (progress->unread_bytes == 0) return true;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    const auto kept = std::make_unique<maillog::KeptReading>();
    const auto block = std::make_unique<maillog::LineBlock>();
    kept->start({});
    maillog::Follower follower(*kept, maillog::Log::mail, *block);
    if (!read_all(follower, argv[1])) return 1;
    print(kept->committed().counters);
    return 0;
}
