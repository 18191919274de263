// SPDX-License-Identifier: MIT
// LiveResponder: the built ceymail-metrics with a MariaDB and a token of its own, on a socket that the test holds.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "ceymail/util/fd.hpp"
#include "support/child_process.hpp"
#include "support/database_proxy.hpp"
#include "support/fastcgi_records.hpp"
#include "support/mariadb_server.hpp"
#include "support/responder_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

struct Reply {
    int status = 0;  // 0: the connection ended without an answer, or there was none in time
    std::string body{};
    std::chrono::milliseconds took{};
};

struct LiveSettings {
    Settings configuration{};
    std::vector<std::string> environment{};  // as of ChildOptions
    bool through_proxy = false;              // to the database
};

// Needs root: the responder runs as `nobody`, as which it cannot do more than in a real installation. Started by the
// constructor, which returns when all its processes are there. Its socket stays open, and holds what clients ask, while
// it is stopped. ask() and its kin may be called by any thread; all else by one.
class LiveResponder {
public:
    explicit LiveResponder(const LiveSettings& settings = {});

    [[nodiscard]] MariadbServer& database() noexcept { return m_database; }
    [[nodiscard]] DatabaseProxy& proxy() { return m_proxy.value(); }
    [[nodiscard]] const TemporaryDirectory& directory() const noexcept { return m_directory; }
    [[nodiscard]] std::string address() const { return "unix:" + (m_directory / "socket").string(); }
    [[nodiscard]] std::string log() const { return slurp(m_directory / "log"); }

    // `program`: another executable of the responder, as after an upgrade.
    void start(const std::string& program = built_program("ceymail-metrics"));
    void stop();  // orderly; std::runtime_error where it takes longer than 10 s

    [[nodiscard]] Finished token_tool(const std::vector<std::string>& arguments) const;
    std::string generate() const;  // a token, which replaces the one before; std::runtime_error where it fails

    // As of now; a name is as in ps(1).
    [[nodiscard]] pid_t supervisor() const noexcept { return m_process->pid(); }
    [[nodiscard]] std::vector<pid_t> children(const std::string& name = {}) const;
    [[nodiscard]] std::vector<pid_t> workers() const { return children("ceymail-worker"); }
    [[nodiscard]] pid_t gatherer() const;  // std::runtime_error where there is none

    // One scrape, from `client` or, where that is empty, from the next of many addresses.
    [[nodiscard]] Reply ask(const std::string& token, const std::string& client = {},
                            const Parameters& more = {}) const;
    // The same with the Authorization header as it is; empty: none.
    [[nodiscard]] Reply ask_with(const std::string& authorization, const std::string& client = {},
                                 const Parameters& more = {}) const;
    [[nodiscard]] Reply send(const std::string& bytes) const;

private:
    void await_children() const;

    TemporaryDirectory m_directory;
    MariadbServer m_database;
    std::optional<DatabaseProxy> m_proxy;
    util::Fd m_listener;
    std::vector<std::string> m_environment;
    std::optional<ChildProcess> m_process;
    mutable std::atomic<unsigned> m_next_address{0};
};

// RssAnon of a process, in bytes: what it has taken for itself. 0: it is gone.
[[nodiscard]] std::size_t own_memory(pid_t pid);
[[nodiscard]] std::size_t open_descriptors(pid_t pid);
[[nodiscard]] std::size_t thread_count(pid_t pid);
[[nodiscard]] std::chrono::milliseconds processor_time(pid_t pid);

// How many descriptors a process of the responder may open from now on, up to 1024; false where it cannot be said.
[[nodiscard]] bool limit_descriptors(pid_t pid, unsigned limit);

}  // namespace ceymail::testing
