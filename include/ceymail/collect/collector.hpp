// SPDX-License-Identifier: MIT
// collect: reads each source of metrics. A collector is a reader of the host and a pure parser, which is tested.
// Process: the gatherer; as plain CGI, with --once and with --check the program itself.
// Touches: reads /proc, the file system of `disk`, Postfix's queues, unit files, the system bus, the configurations of
// the servers with TLS and their certificates, the state file of ceymail-attach; lists the directory of backups. Writes
// nothing.
// Attackers: users of the host, who choose names of files and processes. A parser accepts any bytes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/exposition/metric_family.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

using Families = std::vector<exposition::MetricFamily>;

// A line of --check about what a collector found.
struct Finding {
    enum class Level { ok, warning, bad };
    Level level = Level::ok;
    std::string subject;
    std::string words;  // warning, bad: what is wrong, the cause, the remedy
};

// Threads: one at a time, not always the same one.
class Collector {
public:
    virtual ~Collector() = default;

    // Returns: the label of ceymail_collector_success, a literal.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    // Opens what stays open between calls of collect(), such as a connection. It does not block. Errors: collect()
    // returns them.
    virtual void prepare() {}

    // Reads the source once. Returns: all families. Errors: the source, the cause and the remedy; no family.
    // It stops at the deadline unless the kernel blocks it, as on a dead mount. The caller must tolerate that.
    [[nodiscard]] virtual util::Result<Families> collect(util::BootTime deadline) = 0;

    // What the last collect() could not read although it returned families; none: nothing. The collector then has
    // success 0, and its families are served all the same.
    [[nodiscard]] virtual std::optional<util::Error> shortfall() const { return std::nullopt; }

    // What --check says of the last collect(), beside its error or shortfall.
    [[nodiscard]] virtual std::vector<Finding> findings() const { return {}; }

    // Whether its metrics show that MariaDB is down. While MariaDB is down, the last values of such a collector are not
    // reused: they are absent at once.
    [[nodiscard]] virtual bool depends_on_database() const noexcept { return false; }

    // Returns: CPU time of the last collect() outside the calling thread: on helper threads, or on a database server.
    // The work budget includes it: a costly source is read less often.
    [[nodiscard]] virtual std::chrono::nanoseconds extra_cpu_time() const noexcept { return {}; }
};

}  // namespace ceymail::collect
