// SPDX-License-Identifier: MIT
#include "ceymail/exposition/text_format.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace ceymail::exposition {
namespace {

constexpr double k_infinity = std::numeric_limits<double>::infinity();

constexpr std::array<std::string_view, 3> k_types{"counter", "gauge", "histogram"};  // in the order of MetricType

enum class Quotes { plain, escaped };

void append_escaped(std::string& out, std::string_view text, Quotes quotes) {
    for (const char c : text) {
        if (c == '\\' || c == '\n' || (c == '"' && quotes == Quotes::escaped)) out += '\\';
        out += c == '\n' ? 'n' : c;
    }
}

using Labels = std::vector<std::pair<std::string, std::string>>;

void append_series(std::string& out, const std::string& name, std::string_view suffix, const Labels& labels) {
    out += name;
    out += suffix;
    char separator = '{';
    for (const auto& [label, value] : labels) {
        out += separator;
        out += label;
        out += "=\"";
        append_escaped(out, value, Quotes::escaped);
        out += '"';
        separator = ',';
    }
    out += labels.empty() ? " " : "} ";
}

template <class Number>
void append_digits(std::string& out, Number number) {
    char digits[32];  // a uint64_t has at most 20, the shortest form of a double at most 24
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
    out.append(digits, end);
}

void append_head(std::string& out, const MetricFamily& family) {
    out += "# HELP ";
    out += family.name;
    out += ' ';
    append_escaped(out, family.help, Quotes::plain);
    out += "\n# TYPE ";
    out += family.name;
    out += ' ';
    out += k_types.at(static_cast<std::size_t>(family.type));
    out += '\n';
}

void append_line(std::string& out, const std::string& name, std::string_view suffix, const Labels& labels,
                 Value value) {
    append_series(out, name, suffix, labels);
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

void append_value(std::string& out, Value value) {
    if (const auto* integer = std::get_if<std::uint64_t>(&value)) return append_digits(out, *integer);
    const double number = std::get<double>(value);
    if (std::isfinite(number)) return append_digits(out, number);
    // to_chars writes "nan" and "inf", which the format does not allow.
    out += std::isnan(number) ? "NaN" : number > 0 ? "+Inf" : "-Inf";
}

void append_family(std::string& out, const MetricFamily& family) {
    if (family.samples.empty() && family.histograms.empty()) return;
    append_head(out, family);
    for (const auto& histogram : family.histograms) append_histogram(out, family.name, histogram);
    for (const auto& sample : family.samples) append_line(out, family.name, {}, sample.labels, sample.value);
}

PreparedFamily::PreparedFamily(const MetricFamily& family) {
    std::string before;
    append_head(before, family);
    for (const auto& sample : family.samples) {
        append_series(before, family.name, {}, sample.labels);
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
