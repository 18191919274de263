// SPDX-License-Identifier: MIT
// Statement: one prepared statement, its parameters and its few rows.
#pragma once

#include <cstddef>
#include <cstdint>
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

// Belongs to a connection, which must outlive it, and is prepared when it is first run, and anew after a reconnect.
// One thread. Values go to the server as parameters only, never into the SQL.
class Statement {
public:
    // `doing`: for messages, such as "reading the active token".
    Statement(Connection& connection, std::string sql, std::string doing);
    Statement(Statement&&) noexcept;
    Statement& operator=(Statement&&) noexcept;
    ~Statement();

    // Runs it to the last row. As many parameters as the SQL has question marks. More than k_most_rows rows, or one
    // above 1 MiB, are an error: nothing here asks for that, so a server that sends it is not ours.
    // Errors are the connection's.
    [[nodiscard]] util::Result<Outcome> run(std::span<const Parameter> parameters, util::BootTime deadline);
    [[nodiscard]] util::Result<Outcome> run(util::BootTime deadline) { return run({}, deadline); }

    // Connects and prepares ahead of run(), which does it otherwise.
    [[nodiscard]] util::Result<void> prepare(util::BootTime deadline);

    static constexpr std::size_t k_most_rows = 1000;

private:
    struct State;
    std::unique_ptr<State> m_state;
};

// A cell as a number; invalid where it is NULL or none.
[[nodiscard]] util::Result<std::uint64_t> to_number(const Cell& cell, std::string_view doing);

}  // namespace ceymail::database
