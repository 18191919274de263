// SPDX-License-Identifier: MIT
// GaleraCluster: real nodes of MariaDB, each in a network namespace and with a host name of its own, on one bridge.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ceymail/database/connection.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// One node. Functions that wait throw std::runtime_error with the node's log when it takes too long.
class ClusterNode {
public:
    explicit ClusterNode(unsigned number, unsigned nodes);  // not started, no data
    ~ClusterNode();

    enum class Start {
        first,   // makes the cluster
        joiner,  // with what data it has: none: a whole state transfer
    };
    void start(Start how = Start::joiner);  // returns at once
    void await_synced(std::chrono::seconds longest = std::chrono::seconds(60));
    [[nodiscard]] bool running() { return m_server && m_server->running(); }
    void stop();    // orderly
    void kill();    // SIGKILL
    void pause();   // SIGSTOP
    void resume();  // SIGCONT
    void cut();     // from the other nodes
    void heal();    // and joins them again
    void wipe();    // its data; it must not run

    [[nodiscard]] std::string name() const { return "n" + std::to_string(m_number); }
    [[nodiscard]] std::filesystem::path socket() const { return m_directory / "s.sock"; }
    [[nodiscard]] database::Address address() const;  // the administrator's

    // Rows, cells parted by tabs. std::runtime_error where it fails.
    [[nodiscard]] std::string query(const std::string& sql) const;
    // "": it does not answer.
    [[nodiscard]] std::string status(const std::string& variable) const;
    [[nodiscard]] bool synced() const;
    // A client that runs `sql` and stays; returns when that has run. release() ends all such sessions in the server.
    [[nodiscard]] ChildProcess hold(const std::string& sql) const;
    void release() const;

private:
    void make_data_directory() const;
    void connect_to_hub() const;
    [[nodiscard]] std::string recovered_position() const;
    [[nodiscard]] std::string words() const;

    unsigned m_number;
    unsigned m_nodes;
    TemporaryDirectory m_directory;
    std::optional<ChildProcess> m_server;
};

class GaleraCluster {
public:
    static constexpr unsigned k_nodes = 3;

    GaleraCluster();  // all are synced

    [[nodiscard]] ClusterNode& node(unsigned number) { return *m_nodes.at(number - 1); }
    void await_synced();

private:
    std::vector<std::unique_ptr<ClusterNode>> m_nodes;
};

}  // namespace ceymail::testing
