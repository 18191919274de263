// SPDX-License-Identifier: MIT
#include "ceymail/snapshot/protocol.hpp"

namespace ceymail::snapshot {

std::filesystem::path gatherer_socket_path(const config::Configuration& configuration) {
    return configuration.runtime_directory / "gatherer.sock";
}

std::filesystem::path page_socket_directory(const config::Configuration& configuration) {
    return configuration.runtime_directory / "page";
}

std::filesystem::path report_socket_path(const config::Configuration& configuration) {
    return page_socket_directory(configuration) / "collectors.sock";
}

std::filesystem::path forget_socket_path(const config::Configuration& configuration) {
    return page_socket_directory(configuration) / "forget.sock";
}

}  // namespace ceymail::snapshot
