// SPDX-License-Identifier: MIT
// Reads a mail log as the log reader does, in blocks of whole lines, and prints some counters as a JSON object.
//   usage: mail_log_parser FILE
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "ceymail/maillog/parser.hpp"
#include "ceymail/util/fd.hpp"

namespace {

using namespace ceymail;

constexpr std::size_t k_block_bytes = 256U << 10U;

// Parses all but the last line, which is not complete, and moves it to the front. Returns: its length.
std::size_t parse_whole_lines(char* block, std::size_t filled, maillog::Counters& counters) {
    const auto* last = static_cast<const char*>(memrchr(block, '\n', filled));
    if (last == nullptr) return filled;
    const auto whole = static_cast<std::size_t>(last - block) + 1;
    maillog::parse({block, whole}, util::BootTime{}, counters);
    std::memmove(block, block + whole, filled - whole);
    return filled - whole;
}

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

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    const util::Fd file{::open(argv[1], O_RDONLY | O_CLOEXEC)};
    const auto block = std::make_unique<char[]>(k_block_bytes);
    const auto counters = std::make_unique<maillog::Counters>();
    std::size_t filled = 0;
    for (;;) {
        const auto got = ::read(file.get(), block.get() + filled, k_block_bytes - filled);
        if (got < 0) return 1;
        if (got == 0) break;
        filled = parse_whole_lines(block.get(), filled + static_cast<std::size_t>(got), *counters);
    }
    maillog::parse({block.get(), filled}, util::BootTime{}, *counters);
    print(*counters);
    return 0;
}
