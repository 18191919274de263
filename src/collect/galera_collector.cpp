// SPDX-License-Identifier: MIT
#include "ceymail/collect/galera_collector.hpp"

#include <algorithm>

namespace ceymail::collect {

namespace {

constexpr auto k_longest_look = std::chrono::seconds(1);

Families make_families(const GaleraState& node) {
    using enum exposition::MetricType;
    Families families{
        single("ceymail_galera_ready", "Whether this host's node of a Galera cluster accepts statements.", gauge,
               std::uint64_t{node.ready}),
        single("ceymail_galera_primary",
               "Whether this host's node of a Galera cluster is in the primary component: 0 during a partition.", gauge,
               std::uint64_t{node.primary}),
        single("ceymail_galera_state",
               "State of this host's node of a Galera cluster: 4 synced, 3 joined, 2 donor or desynced, 1 joining, 0 "
               "not connected.",
               gauge, node.state),
        single("ceymail_galera_cluster_size", "Nodes of the component of this host's node of a Galera cluster.", gauge,
               node.cluster_size),
    };
    if (!node.cluster.empty())
        families.push_back({"ceymail_galera_cluster_info",
                            "The Galera cluster of this host, by its UUID: hosts with the same one share their "
                            "accounts and their token.",
                            gauge,
                            {exposition::Sample{{{"cluster", node.cluster}}, std::uint64_t{1}}}});
    return families;
}

}  // namespace

util::Result<Families> GaleraCollector::collect(util::BootTime deadline) {
    const auto now = m_clock();
    if (!m_is_node && now < m_next_look) return Families{};
    const auto node = m_read(m_is_node ? deadline : std::min(deadline, now + k_longest_look));
    if (!node && m_is_node) return std::unexpected(node.error());
    if (node) m_is_node = node->has_value();
    if (m_is_node) return make_families(**node);
    // Soon again after a failure: it may be a node that starts.
    if (node) m_next_look = now + k_until_node_is_looked_for;
    return Families{};
}

}  // namespace ceymail::collect
