// SPDX-License-Identifier: MIT
// The parts of --check that look at the running service and at the web server in front of it.
#pragma once

#include <string>
#include <vector>

#include "ceymail/config/configuration.hpp"
#include "ceymail/doctor/check_part.hpp"
#include "ceymail/doctor/check_report.hpp"
#include "ceymail/shared/segment.hpp"
#include "ceymail/util/clock.hpp"

namespace ceymail::doctor {

// For a part that did not end in time, and for one that a signal ended or that could not be started.
[[nodiscard]] std::string words_of_hanging(const std::string& source, std::chrono::nanoseconds time = k_time_for_part);
[[nodiscard]] std::string words_of_failing(const std::string& why);

// Whether the gatherer that runs holds its capability. Looks at the process table, so before root is given up.
void check_service(CheckReport& report, const config::Configuration& configuration);

// Whether the gatherer counts the directory that is the queue's now. Looks into its root, so the same holds.
void check_queue_directory(CheckReport& report, const config::Configuration& configuration);

// Whether the web server's processes may connect to the socket. The same holds.
void check_socket(CheckReport& report, const config::Configuration& configuration);

// What the workers have noted of the web server: connections that it would keep, and whose addresses it gives.
void check_clients(CheckReport& report, const shared::SegmentLayout& layout);

// Each collector, as seen from here and as the running service sees it, and where the two differ.
class CollectorsCheck {
public:
    // Starts reading.
    explicit CollectorsCheck(const config::Configuration& configuration);

    void tell(CheckReport& report, util::BootTime deadline);

private:
    struct Outside {
        std::string name;
        CheckPart part;
    };
    const config::Configuration& m_configuration;
    CheckPart m_service;
    std::vector<Outside> m_outside;
};

// Asks `url` with a token that is none, and tells by the answer whether the web server passes all on.
void check_web_server(CheckReport& report, const std::string& url);

}  // namespace ceymail::doctor
