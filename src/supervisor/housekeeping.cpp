// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/housekeeping.hpp"

#include <cerrno>
#include <utility>

#include <fcntl.h>

#include "ceymail/supervisor/token_memory.hpp"
#include "ceymail/util/fd.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::supervisor {

Housekeeping::Housekeeping(const config::Configuration& configuration, shared::SegmentLayout& layout)
    : m_layout(layout), m_order((configuration.runtime_directory / "schema-missing").string()) {
    const auto found = read_token_memory(configuration);
    if (!found) util::log(util::LogLevel::warning, found.error().message);
    m_stored = found.value_or(admission::TokenMark{});
    admission::TokenHistory(m_layout.tokens).recall(m_stored);
}

std::optional<admission::TokenMark> Housekeeping::take_mark_to_store() noexcept {
    const auto newest = admission::TokenHistory(m_layout.tokens).newest();
    if (newest == m_stored) return std::nullopt;
    m_stored = newest;
    return newest;
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
