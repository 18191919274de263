// SPDX-License-Identifier: MIT
// Statement: mysql_stmt_*. Rows are fetched one by one: some errors, such as the limit of a statement's time, appear
// only there, and a row that is not fetched yet needs no memory.
#include "ceymail/database/statement.hpp"

#include <charconv>

#include "ceymail/database/session.hpp"

namespace ceymail::database {
namespace {

struct CloseStatement {
    void operator()(MYSQL_STMT* statement) const noexcept { mysql_stmt_close(statement); }
};

MYSQL_BIND bind_parameter(const Parameter& parameter) {
    MYSQL_BIND bind{};
    bind.buffer_type = MYSQL_TYPE_NULL;
    if (const auto* number = std::get_if<std::uint64_t>(&parameter)) {
        bind.buffer_type = MYSQL_TYPE_LONGLONG;
        bind.is_unsigned = 1;
        bind.buffer = const_cast<std::uint64_t*>(number);
    } else if (const auto* bytes = std::get_if<std::string_view>(&parameter)) {
        bind.buffer_type = MYSQL_TYPE_STRING;
        bind.buffer = const_cast<char*>(bytes->data());
        bind.buffer_length = bytes->size();
    }
    return bind;
}

// Bound with empty buffers: a fetch gives the lengths, and fetch_cell() the bytes.
struct Columns {
    explicit Columns(unsigned count) : binds(count), lengths(count), nulls(count) {
        for (unsigned i = 0; i < count; ++i) {
            binds[i].buffer_type = MYSQL_TYPE_STRING;
            binds[i].length = &lengths[i];
            binds[i].is_null = &nulls[i];
        }
    }
    std::vector<MYSQL_BIND> binds;
    std::vector<unsigned long> lengths;
    std::vector<my_bool> nulls;
};

bool fetch_cell(MYSQL_STMT* statement, const Columns& columns, unsigned column, Cell& cell) {
    if (columns.nulls[column] != 0) return true;
    cell.emplace(columns.lengths[column], '\0');
    MYSQL_BIND bind{};
    bind.buffer_type = MYSQL_TYPE_STRING;
    bind.buffer = cell->data();
    bind.buffer_length = cell->size();
    return cell->empty() || mysql_stmt_fetch_column(statement, &bind, column, 0) == 0;
}

std::string quoted(std::string_view text, char quote, bool escapes) {
    std::string result(1, quote);
    for (const char c : text) {
        if (c == quote || (escapes && c == '\\')) result += c;
        result += c;
    }
    return result += quote;
}

}  // namespace

struct Statement::State {
    Connection* connection;
    std::string sql;
    std::string doing;
    std::unique_ptr<MYSQL_STMT, CloseStatement> handle;
    std::uint64_t prepared_in = 0;  // the number of the connection's session

    Session& session() const noexcept { return *connection->m_session; }
    std::unexpected<util::Error> failure() { return session().failure(doing, handle.get()); }

    util::Result<void> prepare(util::BootTime deadline);
    util::Result<void> execute(std::span<const Parameter> parameters, util::BootTime deadline);
    util::Result<void> fetch(std::vector<Row>& rows, util::BootTime deadline);
    util::Result<Outcome> run(std::span<const Parameter> parameters, util::BootTime deadline);
};

util::Result<void> Statement::State::prepare(util::BootTime deadline) {
    CEYMAIL_TRY(connection->ensure(deadline));
    CEYMAIL_TRY(session().check_deadline(doing, deadline));
    if (handle && prepared_in == connection->m_sessions_opened) return {};
    handle.reset(mysql_stmt_init(session().handle()));
    if (!handle) return session().failure(doing);
    const int failed = session().call(mysql_stmt_prepare_start, mysql_stmt_prepare_cont, deadline, handle.get(),
                                      sql.data(), static_cast<unsigned long>(sql.size()));
    if (failed != 0) {
        auto error = failure();
        handle.reset();
        return error;
    }
    prepared_in = connection->m_sessions_opened;
    return {};
}

util::Result<void> Statement::State::execute(std::span<const Parameter> parameters, util::BootTime deadline) {
    if (mysql_stmt_param_count(handle.get()) != parameters.size())
        return util::fail(util::ErrorKind::internal, doing + ": a wrong number of parameters");
    std::vector<MYSQL_BIND> binds;
    for (const auto& parameter : parameters) binds.push_back(bind_parameter(parameter));
    if (!binds.empty() && mysql_stmt_bind_param(handle.get(), binds.data()) != 0) return failure();
    const int failed = session().call(mysql_stmt_execute_start, mysql_stmt_execute_cont, deadline, handle.get());
    if (failed != 0) return failure();
    return {};
}

util::Result<void> Statement::State::fetch(std::vector<Row>& rows, util::BootTime deadline) {
    const unsigned count = mysql_stmt_field_count(handle.get());
    if (count == 0) return {};
    Columns columns(count);
    if (mysql_stmt_bind_result(handle.get(), columns.binds.data()) != 0) return failure();
    for (;;) {
        const int fetched = session().call(mysql_stmt_fetch_start, mysql_stmt_fetch_cont, deadline, handle.get());
        if (fetched == MYSQL_NO_DATA) return {};
        if (fetched != 0 && fetched != MYSQL_DATA_TRUNCATED) return failure();
        if (rows.size() == k_most_rows) {
            connection->close();  // instead of reading the rest
            return util::fail(util::ErrorKind::internal, doing + ": more rows than there can be");
        }
        Row& row = rows.emplace_back(count);
        for (unsigned column = 0; column < count; ++column)
            if (!fetch_cell(handle.get(), columns, column, row[column])) return failure();
    }
}

util::Result<Outcome> Statement::State::run(std::span<const Parameter> parameters, util::BootTime deadline) {
    CEYMAIL_TRY(prepare(deadline));
    CEYMAIL_TRY(execute(parameters, deadline));
    Outcome outcome;
    CEYMAIL_TRY(fetch(outcome.rows, deadline));
    outcome.changed = mysql_stmt_affected_rows(handle.get());
    outcome.inserted_id = mysql_stmt_insert_id(handle.get());
    if (mysql_stmt_field_count(handle.get()) != 0) mysql_stmt_free_result(handle.get());
    return outcome;
}

Statement::Statement(Connection& connection, std::string sql, std::string doing)
    : m_state(std::make_unique<State>(State{&connection, std::move(sql), std::move(doing), {}, 0})) {}
Statement::Statement(Statement&&) noexcept = default;
Statement::~Statement() = default;

util::Result<void> Statement::prepare(util::BootTime deadline) {
    auto prepared = m_state->prepare(deadline);
    if (!prepared) m_state->connection->drop_if_ended();
    return prepared;
}

util::Result<Outcome> Statement::run(std::span<const Parameter> parameters, util::BootTime deadline) {
    auto outcome = m_state->run(parameters, deadline);
    if (!outcome) m_state->connection->drop_if_ended();
    return outcome;
}

std::string quote_name(std::string_view name) { return quoted(name, '`', false); }
std::string quote_text(std::string_view text) { return quoted(text, '\'', true); }

util::Result<std::uint64_t> to_number(const Cell& cell, std::string_view doing) {
    std::uint64_t number = 0;
    if (cell) {
        const auto [end, error] = std::from_chars(cell->data(), cell->data() + cell->size(), number);
        if (error == std::errc{} && end == cell->data() + cell->size()) return number;
    }
    return util::fail(util::ErrorKind::internal,
                      std::string(doing) + ": the database gave no number where one must be");
}

}  // namespace ceymail::database
