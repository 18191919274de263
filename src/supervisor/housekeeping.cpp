// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/housekeeping.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>

#include "ceymail/util/fd.hpp"
#include "ceymail/util/file.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::supervisor {

namespace {

constexpr std::size_t k_longest_mark = 64;  // bytes

std::filesystem::path token_memory_file(const config::Configuration& configuration) {
    return configuration.state_directory / "service" / "newest-token";
}

}  // namespace

util::Result<admission::TokenMark> read_token_memory(const config::Configuration& configuration) {
    const auto path = token_memory_file(configuration);
    const auto text = util::read_file(path, k_longest_mark);
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

Housekeeping::Housekeeping(const config::Configuration& configuration, shared::SegmentLayout& layout)
    : m_layout(layout), m_order((configuration.runtime_directory / "schema-missing").string()) {
    const auto found = read_token_memory(configuration);
    if (!found) util::log(util::LogLevel::warning, found.error().message);
    m_stored = found.value_or(admission::TokenMark{});
    admission::TokenHistory(m_layout.tokens).recall(m_stored);
}

std::optional<admission::TokenMark> Housekeeping::mark_to_store() const noexcept {
    const auto newest = admission::TokenHistory(m_layout.tokens).newest();
    return newest == m_stored ? std::nullopt : std::optional(newest);
}

void Housekeeping::order_schema(util::BootTime now) {
    const util::BootTime since{std::chrono::nanoseconds(m_layout.schema_missing_since.load())};
    const util::BootTime last{std::chrono::nanoseconds(m_layout.schema_missing_at.load())};
    if (since == util::BootTime{}) {
        m_logged = false;
        return;
    }
    if (now - since < k_until_schema_order || last <= m_ordered_at) return;
    if (m_ordered_at != util::BootTime{} && now - m_ordered_at < k_between_schema_orders) return;
    m_ordered_at = now;
    const util::Fd fd(::open(m_order.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    const int error = fd ? 0 : errno;
    if (std::exchange(m_logged, true)) return;
    if (error != 0)
        return util::log(util::LogLevel::warning, util::fail_errno(error, "cannot write " + m_order,
                                                                   "run `ceymail-token init` if the tables are gone")
                                                      .error()
                                                      .message);
    util::log(util::LogLevel::notice, "a token check found no table or no account in MariaDB: wrote " + m_order +
                                          ", at which systemd starts ceymail-metrics-init.service");
}

}  // namespace ceymail::supervisor
