// SPDX-License-Identifier: MIT
// Writes metric families in the Prometheus text format 0.0.4.
#include "ceymail/exposition/text_format.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace ceymail::exposition {
namespace {

constexpr double k_infinity = std::numeric_limits<double>::infinity();

enum class Quotes { plain, escaped };

void append_escaped(std::string& out, std::string_view text, Quotes quotes) {
    for (const char c : text) {
        if (c == '\\') {
            out += "\\\\";
        } else if (c == '\n') {
            out += "\\n";
        } else if (c == '"' && quotes == Quotes::escaped) {
            out += "\\\"";
        } else {
            out += c;
        }
    }
}

using Labels = std::vector<std::pair<std::string, std::string>>;

void append_labels(std::string& out, const Labels& labels) {
    if (labels.empty()) return;
    char separator = '{';
    for (const auto& [name, value] : labels) {
        out += separator;
        out += name;
        out += "=\"";
        append_escaped(out, value, Quotes::escaped);
        out += '"';
        separator = ',';
    }
    out += '}';
}

void append_series(std::string& out, const std::string& name, const Sample& sample) {
    out += name;
    append_labels(out, sample.labels);
    out += ' ';
}

std::string_view to_string(MetricType type) noexcept {
    switch (type) {
        case MetricType::counter:
            return "counter";
        case MetricType::gauge:
            return "gauge";
        case MetricType::histogram:
            return "histogram";
    }
    return "untyped";
}

// to_chars writes "nan" and "inf", which the format does not allow.
std::string_view name_of_special(double number) noexcept {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
    return {};
}

template <class Number>
void append_digits(std::string& out, Number number) {
    char digits[32];  // a uint64_t has at most 20, the shortest form of a double at most 24
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
    out.append(digits, end);
}

}  // namespace

void append_value(std::string& out, Value value) {
    if (const auto* integer = std::get_if<std::uint64_t>(&value)) return append_digits(out, *integer);
    const double number = std::get<double>(value);
    if (const auto special = name_of_special(number); !special.empty()) {
        out += special;
    } else {
        append_digits(out, number);
    }
}

namespace {

void append_head(std::string& out, const MetricFamily& family) {
    out += "# HELP ";
    out += family.name;
    out += ' ';
    append_escaped(out, family.help, Quotes::plain);
    out += "\n# TYPE ";
    out += family.name;
    out += ' ';
    out += to_string(family.type);
    out += '\n';
}

void append_line(std::string& out, const std::string& name, std::string_view suffix, const Labels& labels,
                 Value value) {
    out += name;
    out += suffix;
    append_labels(out, labels);
    out += ' ';
    append_value(out, value);
    out += '\n';
}

// The value of `le` is the bound in the form of a value: 0.1, 3600, +Inf.
void append_histogram(std::string& out, const std::string& name, const Histogram& histogram) {
    Labels with_bound = histogram.labels;
    with_bound.emplace_back("le", "");
    std::uint64_t values = 0;
    for (std::size_t i = 0; i < histogram.counts.size(); ++i) {
        values += histogram.counts[i];
        auto& bound = with_bound.back().second;
        bound.clear();
        append_value(bound, i < histogram.bounds.size() ? histogram.bounds[i] : k_infinity);
        append_line(out, name, "_bucket", with_bound, values);
    }
    append_line(out, name, "_sum", histogram.labels, histogram.sum);
    append_line(out, name, "_count", histogram.labels, values);
}

}  // namespace

void append_family(std::string& out, const MetricFamily& family) {
    if (family.samples.empty() && family.histograms.empty()) return;
    append_head(out, family);
    for (const auto& histogram : family.histograms) append_histogram(out, family.name, histogram);
    for (const auto& sample : family.samples) {
        append_series(out, family.name, sample);
        append_value(out, sample.value);
        out += '\n';
    }
}

PreparedFamily::PreparedFamily(const MetricFamily& family) {
    std::string before;
    append_head(before, family);
    for (const auto& sample : family.samples) {
        append_series(before, family.name, sample);
        m_before.push_back(std::exchange(before, {}));
    }
}

void PreparedFamily::append(std::string& out, std::span<const Value> values) const {
    for (std::size_t i = 0; i < m_before.size(); ++i) {
        out += m_before[i];
        append_value(out, values[i]);
        out += '\n';
    }
}

}  // namespace ceymail::exposition
