// SPDX-License-Identifier: MIT
// AttachmentCollector: whether the dashboard's site includes the endpoint, from the state file of ceymail-attach.
#pragma once

#include <chrono>
#include <filesystem>
#include <string_view>

#include "ceymail/collect/collector.hpp"

namespace ceymail::collect {

struct AttachmentState {
    bool attached = false;
    std::chrono::seconds judged_at{};  // since boot, CLOCK_BOOTTIME
};

// ceymail-attach.timer writes it every 10 minutes.
inline constexpr std::chrono::seconds k_attachment_valid{30 * 60};

// Parses "1 SECONDS" or "0 SECONDS" and a line feed. Errors: invalid.
[[nodiscard]] util::Result<AttachmentState> parse_attachment(std::string_view text);

// ceymail_attached. No family where the file is missing: ceymail-attach is not used, or did not run since boot.
// Errors: invalid: the file is malformed, or older than k_attachment_valid: nothing watches the site any more.
class AttachmentCollector : public Collector {
public:
    explicit AttachmentCollector(std::filesystem::path state, util::ClockFunction now = util::BootClock::now);

    [[nodiscard]] std::string_view name() const noexcept override { return "attachment"; }
    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override;
    [[nodiscard]] std::vector<Finding> findings() const override;

private:
    std::filesystem::path m_state;
    util::ClockFunction m_now;
    bool m_is_detached = false;  // by the last collect()
};

}  // namespace ceymail::collect
