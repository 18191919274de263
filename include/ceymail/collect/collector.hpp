// SPDX-License-Identifier: MIT
// Collector: one source of metrics. A reader that touches the machine and a pure parser that is tested.
#pragma once

#include <chrono>
#include <string_view>
#include <vector>

#include "ceymail/exposition/metric_family.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::collect {

using Families = std::vector<exposition::MetricFamily>;

// One thread at a time calls a collector, not always the same one. It keeps its own state.
class Collector {
public:
    virtual ~Collector() = default;

    // The label of ceymail_collector_success; a literal.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;

    // Opens ahead of the first collect() what is kept open from one to the next, such as a connection, within an
    // instant. Whether that works out is for collect() to tell.
    virtual void prepare() {}

    // Reads the source once. All of the families, or an error that names the source, the cause and the remedy;
    // never a made-up number. It keeps to the deadline where its source can be asked to; where the kernel may
    // hang it (a dead mount), whoever calls must be able to do without the answer.
    [[nodiscard]] virtual util::Result<Families> collect(util::BootTime deadline) = 0;

    // Whether its metrics tell that MariaDB is down. While it is, such a collector does not rest on its last value: the
    // numbers of a database that nobody can ask are to be absent at once.
    [[nodiscard]] virtual bool depends_on_database() const noexcept { return false; }

    // CPU time that the last collect() cost elsewhere than on the thread that called it: helper threads', a database
    // server's (about as long as it computed; 0 while it only hung). The work budget counts it: a source that costs
    // much is asked less often.
    [[nodiscard]] virtual std::chrono::nanoseconds extra_cpu_time() const noexcept { return {}; }
};

}  // namespace ceymail::collect
