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

// Appends HELP, TYPE and one line a sample, '\n' at each end. A family without samples appends nothing.
// HELP escapes \ and line feed; label values also ". No locale can reach the numbers. Any thread.
void append_family(std::string& out, const MetricFamily& family);

// A family whose text is formatted once and whose values change with each answer. It writes the same text as
// append_family(), but allocates nothing: the budget of a request in allocations and cycles depends on it.
// Threads: any; the object is immutable.
class PreparedFamily {
public:
    explicit PreparedFamily(const MetricFamily& family);  // its values are ignored

    // `values`: as many as the family has samples, in their order.
    void append(std::string& out, std::span<const Value> values) const;

private:
    std::vector<std::string> m_before;  // the text before each value
};

// The digits alone: integers as they are; doubles by std::to_chars, NaN, +Inf and -Inf by name.
void append_value(std::string& out, Value value);

}  // namespace ceymail::exposition
