// SPDX-License-Identifier: MIT
// Makes the sources that the configuration names: the database connection and the collectors.
#pragma once

#include <memory>
#include <vector>

#include "ceymail/collect/collector.hpp"
#include "ceymail/collect/cpu.hpp"
#include "ceymail/config/configuration.hpp"
#include "ceymail/database/connection.hpp"
#include "ceymail/database/galera_node.hpp"
#include "ceymail/database/token_reader.hpp"
#include "ceymail/scheduler/work_budget.hpp"
#include "ceymail/supervisor/mail_log_resources.hpp"

namespace ceymail::supervisor {

[[nodiscard]] database::Address database_address(const config::Configuration& configuration);
[[nodiscard]] database::TokenReader token_reader(const config::Configuration& configuration);
[[nodiscard]] database::GaleraNodeReader galera_node_reader(const config::Configuration& configuration);

[[nodiscard]] scheduler::WorkBudget work_budget(const config::Configuration& configuration);

// Returns: all collectors, in the order of the exposition. `cpu`: adds the processor times to earlier ones.
[[nodiscard]] std::vector<std::unique_ptr<collect::Collector>> make_collectors(
    const config::Configuration& configuration, collect::CpuTally cpu = collect::untallied());

// Returns: the collector of the mail log, which is none of those above, because it needs the log reader: there is none
// with --once and as plain CGI. Requires: `resources` outlives it.
[[nodiscard]] std::unique_ptr<collect::Collector> make_mail_log_collector(const config::Configuration& configuration,
                                                                          const MailLogResources& resources);

}  // namespace ceymail::supervisor
