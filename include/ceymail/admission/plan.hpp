// SPDX-License-Identifier: MIT
// Which CeyMail plans may export metrics.
#pragma once

#include "ceymail/config/configuration.hpp"

namespace ceymail::admission {

[[nodiscard]] constexpr bool may_export_metrics(config::Plan plan) noexcept { return plan >= config::Plan::business; }

}  // namespace ceymail::admission
