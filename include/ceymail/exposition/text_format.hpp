// SPDX-License-Identifier: MIT
// Writes metric families in the Prometheus text format 0.0.4.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ceymail/exposition/metric_family.hpp"

namespace ceymail::exposition {

inline constexpr std::string_view k_content_type = "text/plain; version=0.0.4; charset=utf-8";

// Appends HELP, TYPE and one line for each sample, each with '\n'. A family without samples appends nothing.
// A histogram has a line for each bound with all values up to it, one for +Inf, then _sum and _count.
// Escapes \ and line feed in HELP, and also " in label values. Numbers do not depend on a locale. Threads: any.
void append_family(std::string& out, const MetricFamily& family);

// A family whose text is formatted once and whose values change with each answer. It writes the same text as
// append_family(), but allocates nothing: the budget of a request in allocations and cycles depends on it.
// Threads: any; the object is immutable.
class PreparedFamily {
public:
    // The values of `family` are ignored. Requires: no histogram.
    explicit PreparedFamily(const MetricFamily& family);

    // `values`: one for each sample, in the same order.
    void append(std::string& out, std::span<const Value> values) const;

private:
    std::vector<std::string> m_before;  // the text before each value
};

// Appends the number only: by std::to_chars, or NaN, +Inf, -Inf.
void append_value(std::string& out, Value value);

}  // namespace ceymail::exposition
