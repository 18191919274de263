// SPDX-License-Identifier: MIT
// Statement: one prepared statement, its parameters and its rows; names and texts where SQL allows no parameter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ceymail/database/connection.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

using Parameter = std::variant<std::nullptr_t, std::uint64_t, std::string_view>;  // text or bytes
using Cell = std::optional<std::string>;                                          // no value: NULL
using Row = std::vector<Cell>;

struct Outcome {
    std::vector<Row> rows;
    std::uint64_t changed = 0;
    std::uint64_t inserted_id = 0;
};

// Is prepared at its first run, and again after a reconnect.
// Requires: the connection outlives it.
// Threads: one.
// Security: values are sent as parameters only, never inside the SQL.
class Statement {
public:
    // `doing`: for messages, such as "reading the active token".
    Statement(Connection& connection, std::string sql, std::string doing);
    Statement(Statement&&) noexcept;
    ~Statement();

    // Returns: all rows.
    // Errors: those of Connection; internal: more than k_most_rows rows, or a row above 1 MiB. No statement of the room
    // expects that, so the server is faulty.
    // Requires: one parameter for each question mark in the SQL.
    [[nodiscard]] util::Result<Outcome> run(std::span<const Parameter> parameters, util::BootTime deadline);
    [[nodiscard]] util::Result<Outcome> run(std::initializer_list<Parameter> parameters, util::BootTime deadline) {
        return run(std::span(parameters.begin(), parameters.size()), deadline);
    }
    [[nodiscard]] util::Result<Outcome> run(util::BootTime deadline) { return run(std::span<Parameter>(), deadline); }

    // Connects and prepares in advance; otherwise run() does it.
    [[nodiscard]] util::Result<void> prepare(util::BootTime deadline);

    static constexpr std::size_t k_most_rows = 1000;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

// Returns: `name` in backquotes. A backquote in it is doubled. For schemas and tables.
[[nodiscard]] std::string quote_name(std::string_view name);

// Returns: `text` in single quotes. A quote or a backslash in it is doubled. For account names and passwords in DDL.
// Requires: a session of this room, whose sql_mode is known.
[[nodiscard]] std::string quote_text(std::string_view text);

// Returns: the cell as a number.
// Errors: internal: NULL, or not a number.
[[nodiscard]] util::Result<std::uint64_t> to_number(const Cell& cell, std::string_view doing);

}  // namespace ceymail::database
