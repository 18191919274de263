// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/token_memory.hpp"

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
    auto written = util::replace_file(token_memory_file(configuration), admission::to_text(mark));
    if (!written) written.error().message += "; an old token that comes back may go unnoticed";
    return written;
}

}  // namespace ceymail::supervisor
