// SPDX-License-Identifier: MIT
// MariadbServer: a real MariaDB of one test's own, with CeyMail's tables and the sample accounts in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ceymail/database/connection.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

namespace ceymail::testing {

// Runs deploy/miniature/mariadb in a temporary directory. The first one of a test program prepares a data directory,
// which the others copy. Started by the constructor; std::runtime_error with the server's log where it does not come
// up. Its administrator is the user who runs the tests, over the socket.
class MariadbServer {
public:
    // `options`: more of mariadbd's, which win over the script's.
    explicit MariadbServer(std::vector<std::string> options = {});
    ~MariadbServer();

    [[nodiscard]] std::filesystem::path socket() const { return m_directory / "mysqld.sock"; }
    [[nodiscard]] const std::filesystem::path& directory() const noexcept { return m_directory.path(); }
    [[nodiscard]] std::string log() const { return slurp(m_directory / "mariadb.log"); }

    // The administrator's, or another account's: one made with a password needs its option file.
    [[nodiscard]] database::Address address() const;
    [[nodiscard]] database::Address address(const std::string& user, const std::filesystem::path& option_file) const;

    void start();   // and waits until it answers; nothing where it runs
    void stop();    // orderly
    void kill();    // SIGKILL
    void pause();   // SIGSTOP; every thread has stopped when it returns
    void resume();  // SIGCONT

    // As administrator, by MariaDB's own client: the rows, cells parted by tabs. std::runtime_error with the
    // client's words where it fails.
    std::string query(const std::string& sql) const;

    // An account with `password`, and an option file for it.
    std::filesystem::path add_account(const std::string& user, const std::string& password) const;

    // Whether this version of MariaDB has the plug-in: password_reuse_check came with 10.7.
    static bool has_plugin(const std::string& name);

    // Applies deploy/sql as the administrator, without ceymail-token.
    void apply_schema() const;

private:
    struct Bare {};
    explicit MariadbServer(Bare);  // an empty server, from which the template is made
    static const std::filesystem::path& prepared_data();
    void wait_until_it_answers();

    TemporaryDirectory m_directory;
    std::vector<std::string> m_options;
    std::optional<ChildProcess> m_server;
};

// A file or directory of this project's sources, such as "deploy/sql". Tests run at its root.
[[nodiscard]] std::filesystem::path source(const std::filesystem::path& name);

}  // namespace ceymail::testing
