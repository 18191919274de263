// SPDX-License-Identifier: MIT
// TokenDatabase: a MariaDB with the responder's own account and a token, shared by all cases of a test program.
#pragma once

#include <memory>
#include <string>

#include "support/mariadb_server.hpp"
#include "support/responder_process.hpp"

namespace ceymail::testing {

// Whoever stops the server starts it again: the destructor of a Database does.
class TokenDatabase {
public:
    TokenDatabase();   // makes the server when it is the first; the active token is k_token
    ~TokenDatabase();  // the server runs, and answers

    static constexpr const char* k_token = "ceymail_this-is-the-right-one-0123456789";

    [[nodiscard]] MariadbServer& server() const noexcept;
    [[nodiscard]] Settings settings(Settings more = {}) const;  // that lead a responder here

    // SHA2 by the database itself, so that nothing of ours is believed about it.
    void activate(const std::string& token) const;  // revokes the one before
    void revoke() const;
    [[nodiscard]] std::string last_used() const;  // "NULL" until it was
};

}  // namespace ceymail::testing
