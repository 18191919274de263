// SPDX-License-Identifier: MIT
// MetricFamily: metrics of one name, as values. prometheus.io, "Exposition formats", text format 0.0.4.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ceymail::exposition {

enum class MetricType { counter, gauge };

// Integers stay exact at any size; a double is written in the shortest form that reads back the same.
using Value = std::variant<std::uint64_t, double>;

struct Sample {
    std::vector<std::pair<std::string, std::string>> labels;  // name, value (any UTF-8)
    Value value;
};

struct MetricFamily {
    std::string name;  // [a-zA-Z_:][a-zA-Z0-9_:]*; ours are literals, nothing foreign gets here
    std::string help;  // any UTF-8
    MetricType type = MetricType::gauge;
    std::vector<Sample> samples;
};

// A family of one sample without labels.
[[nodiscard]] inline MetricFamily single(std::string name, std::string help, MetricType type, Value value) {
    return {std::move(name), std::move(help), type, {Sample{{}, value}}};
}

}  // namespace ceymail::exposition
