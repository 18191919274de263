// SPDX-License-Identifier: MIT
#include "ceymail/database/galera_node.hpp"

#include <algorithm>
#include <utility>

namespace ceymail::database {
namespace {

constexpr const char* k_reading = "reading the state of the Galera node";
constexpr const char* k_no_cluster = "00000000-0000-0000-0000-000000000000";

std::string value_of(const std::vector<Row>& rows, std::string_view name) {
    const auto found = std::ranges::find_if(rows, [&](const Row& row) { return row.size() == 2 && row[0] == name; });
    return found == rows.end() ? std::string() : (*found)[1].value_or("");
}

}  // namespace

Statement galera_status(Connection& connection) {
    return {connection,
            "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_provider_name', 'wsrep_ready', 'wsrep_cluster_status', "
            "'wsrep_local_state', 'wsrep_local_state_comment', 'wsrep_cluster_size', 'wsrep_cluster_state_uuid')",
            k_reading};
}

util::Result<std::optional<GaleraNode>> read_galera_node(Statement& show_status, util::BootTime deadline) {
    CEYMAIL_TRY_ASSIGN(const Outcome outcome, show_status.run(deadline));
    // Without a provider the other variables are there too.
    if (value_of(outcome.rows, "wsrep_provider_name").empty()) return std::nullopt;
    GaleraNode node;
    node.ready = value_of(outcome.rows, "wsrep_ready") == "ON";
    node.primary = value_of(outcome.rows, "wsrep_cluster_status") == "Primary";
    node.state_name = value_of(outcome.rows, "wsrep_local_state_comment");
    node.cluster = value_of(outcome.rows, "wsrep_cluster_state_uuid");
    if (node.cluster == k_no_cluster) node.cluster.clear();
    CEYMAIL_TRY_ASSIGN(node.state, to_number(value_of(outcome.rows, "wsrep_local_state"), k_reading));
    CEYMAIL_TRY_ASSIGN(node.cluster_size, to_number(value_of(outcome.rows, "wsrep_cluster_size"), k_reading));
    return node;
}

GaleraNodeReader::GaleraNodeReader(Address address)
    // SHOW STATUS waits like a SELECT.
    : m_connection(std::make_unique<Connection>(with_reads(std::move(address), Reads::local))),
      m_status(galera_status(*m_connection)) {}

util::Result<std::optional<GaleraNode>> GaleraNodeReader::read(util::BootTime deadline) {
    auto node = with_one_reconnect(*m_connection, [&] { return read_galera_node(m_status, deadline); });
    if (node && !*node) m_connection->close();  // it is not asked again soon
    return node;
}

}  // namespace ceymail::database
