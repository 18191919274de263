// SPDX-License-Identifier: MIT
// Trouble: something that lasts, told when it begins and when it ends, however often it is met in between.
#pragma once

#include <string>
#include <string_view>

#include "ceymail/util/result.hpp"

namespace ceymail::endpoint {

// One thread. An attacker who asks without end, or a database that is down for a night, costs two lines.
class Trouble {
public:
    // `what`: a literal that completes "cannot ...", such as "check tokens".
    explicit Trouble(std::string_view what) noexcept : m_what(what) {}

    // Logs unless the trouble is known already; trouble of another kind is other trouble.
    void met(const util::Error& error);
    // Logs when there was trouble.
    void over();

private:
    std::string_view m_what;
    bool m_on = false;
    util::ErrorKind m_kind{};
};

}  // namespace ceymail::endpoint
