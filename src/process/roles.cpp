// SPDX-License-Identifier: MIT
#include "ceymail/process/roles.hpp"

#include <chrono>

#include "ceymail/endpoint/endpoint.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/process/gatherer_socket.hpp"
#include "ceymail/process/privileges.hpp"
#include "ceymail/process/sources.hpp"
#include "ceymail/snapshot/client.hpp"
#include "ceymail/snapshot/gatherer.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::process {

namespace {

// How long a worker that starts waits for MariaDB.
constexpr auto k_head_start = std::chrono::milliseconds(100);

// Connected and prepared, so that no request pays for it. Whether that worked out is for the requests to find.
database::TokenReader ready_token_reader(const config::Configuration& configuration) {
    auto tokens = token_reader(configuration);
    static_cast<void>(tokens.active(util::BootClock::now() + k_head_start));
    return tokens;
}

}  // namespace

void work(const config::Configuration& configuration, int listener, gate::Segment& segment,
          const snapshot::Board& board, fastcgi::BusySince& busy, int stop_fd) {
    snapshot::SnapshotClient snapshots(board, gatherer_socket_path(configuration));
    const auto fetch = [&](std::string& text, util::BootTime not_before, util::BootTime deadline,
                           snapshot::Occasion occasion) {
        return snapshots.fetch(text, not_before, deadline, occasion);
    };
    endpoint::Endpoint endpoint(configuration, segment, fetch, ready_token_reader(configuration));
    fastcgi::Responder responder(listener, stop_fd, &busy);
    const auto refused = [&](int status) { segment.count_answer(status); };
    while (const auto* request = responder.next(refused)) {
        responder.answer(endpoint.answer(*request));
        endpoint.settle();
    }
}

void gather(const config::Configuration& configuration, GathererListeners listeners, snapshot::Board& board,
            util::KeptRecord& cpu, int stop_fd) {
    if (!has_dac_read_search()) {
        util::log(util::LogLevel::notice,
                  "without CAP_DAC_READ_SEARCH the mail queue can only be counted as root or "
                  "postfix; start as root, or see ceymail-metrics --check");
    }
    snapshot::Gathering gathering(make_collectors(configuration, collect::tallied_in(cpu)), work_budget(configuration));
    snapshot::serve_gatherer(listeners.workers, stop_fd, board, gathering, listeners.reports);
}

}  // namespace ceymail::process
