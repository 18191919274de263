// SPDX-License-Identifier: MIT
// GaleraNodeReader: what a MariaDB that is a node of a Galera cluster says about itself.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ceymail/database/connection.hpp"
#include "ceymail/database/statement.hpp"
#include "ceymail/util/clock.hpp"
#include "ceymail/util/result.hpp"

namespace ceymail::database {

// Source: "Galera Cluster Status Variables" of MariaDB's documentation.
struct GaleraNode {
    bool ready = false;              // wsrep_ready: it accepts statements
    bool primary = false;            // wsrep_cluster_status: it is in the primary component
    std::uint64_t state = 0;         // wsrep_local_state: 0 to 4, 4 is synced
    std::string state_name;          // wsrep_local_state_comment, such as "Synced" or "Donor/Desynced"
    std::uint64_t cluster_size = 0;  // wsrep_cluster_size: nodes of its component
    std::string cluster;             // wsrep_cluster_state_uuid: the same on all nodes; empty: none
};

// Returns: no value where this MariaDB is no node of a cluster. Needs no privilege, and works also where the node
// refuses all other statements, if the connection's reads are local.
// Errors: those of Connection.
[[nodiscard]] util::Result<std::optional<GaleraNode>> read_galera_node(Statement& show_status, util::BootTime deadline);

// The statement for read_galera_node().
[[nodiscard]] Statement galera_status(Connection& connection);

// Keeps its connection between calls while the server is a node.
// Threads: one.
class GaleraNodeReader {
public:
    explicit GaleraNodeReader(Address address);

    // As read_galera_node(). Reconnects once where the server has ended the session.
    [[nodiscard]] util::Result<std::optional<GaleraNode>> read(util::BootTime deadline);

private:
    std::unique_ptr<Connection> m_connection;  // before the statement, which refers to it
    Statement m_status;
};

}  // namespace ceymail::database
