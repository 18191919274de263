// SPDX-License-Identifier: MIT
// exposition: metrics as values, and the Prometheus text format 0.0.4. prometheus.io, "Exposition formats".
// Process: the gatherer, the workers, and the commands with --once.
// Touches: memory only.
// Attackers: those who choose a label value, such as a unit name; append_family() escapes both.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ceymail::exposition {

enum class MetricType { counter, gauge, histogram };

// Integers are exact at any size. A double is written in the shortest form that parses to the same value.
using Value = std::variant<std::uint64_t, double>;

struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;  // name, value (any UTF-8)
    Value value;
};

// A classic histogram: the series _bucket{le=...}, _sum and _count.
struct Histogram {
    std::vector<std::pair<std::string, std::string>> labels;  // name, value (any UTF-8); never `le`
    std::vector<double> bounds;         // upper bounds, included, ascending; +Inf is not among them
    std::vector<std::uint64_t> counts;  // of each bucket alone, last those above all bounds: one more than bounds
    double sum = 0;
};

// The samples of one metric name.
struct MetricFamily {
    std::string name;  // [a-zA-Z_:][a-zA-Z0-9_:]*; always a literal
    std::string help;  // any UTF-8
    MetricType type = MetricType::gauge;
    std::vector<Sample> samples = {};        // of a counter or gauge
    std::vector<Histogram> histograms = {};  // of a histogram, which has no samples
};

// Returns: a family of one sample without labels.
[[nodiscard]] inline MetricFamily single(std::string name, std::string help, MetricType type, Value value) {
    return {std::move(name), std::move(help), type, {Sample{{}, value}}};
}

}  // namespace ceymail::exposition
