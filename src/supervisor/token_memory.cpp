// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/token_memory.hpp"

#include <cerrno>
#include <cstdio>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::supervisor {

namespace {

constexpr std::size_t k_longest = 64;  // bytes

}  // namespace

std::filesystem::path token_memory_file(const config::Configuration& configuration) {
    return configuration.state_directory / "service" / "newest-token";
}

util::Result<admission::TokenMark> read_token_memory(const config::Configuration& configuration) {
    const auto path = token_memory_file(configuration);
    const auto text = util::read_file(path, k_longest);
    if (!text && text.error().kind == util::ErrorKind::not_found) return admission::TokenMark{};
    if (!text) return std::unexpected(text.error());
    const auto mark = admission::parse_token_mark(*text);
    if (mark) return *mark;
    return util::fail(util::ErrorKind::invalid,
                      "cannot use " + path.string() + ": it holds no time; the next token that is seen replaces it");
}

util::Result<void> write_token_memory(const config::Configuration& configuration, admission::TokenMark mark) {
    const auto path = token_memory_file(configuration).string();
    const auto draft = path + ".new";
    const auto text = admission::to_text(mark);
    util::Fd fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    const bool written = fd && ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                         ::fsync(fd.get()) == 0;
    if (!written || std::rename(draft.c_str(), path.c_str()) != 0)
        return util::fail_errno(errno, "cannot write " + path, "an old token that comes back may go unnoticed");
    return {};
}

}  // namespace ceymail::supervisor
