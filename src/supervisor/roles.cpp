// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/roles.hpp"

#include <chrono>
#include <utility>

#include "ceymail/endpoint/endpoint.hpp"
#include "ceymail/fastcgi/responder.hpp"
#include "ceymail/scheduler/snapshot_server.hpp"
#include "ceymail/snapshot/snapshot_client.hpp"
#include "ceymail/supervisor/factories.hpp"
#include "ceymail/supervisor/gatherer_socket.hpp"
#include "ceymail/system/privileges.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::supervisor {

namespace {

// How long a worker waits for MariaDB when it starts.
constexpr auto k_prepare_timeout = std::chrono::milliseconds(100);

// Connects and prepares, so that the first request does not wait for it. Errors are left to the requests.
database::TokenReader ready_token_reader(const config::Configuration& configuration) {
    auto tokens = token_reader(configuration);
    static_cast<void>(tokens.active(util::BootClock::now() + k_prepare_timeout));
    return tokens;
}

}  // namespace

void work(const config::Configuration& configuration, int listener, shared::Segment& segment,
          const snapshot::SnapshotBuffer& buffer, fastcgi::BusySince& busy, int stop_fd) {
    snapshot::SnapshotClient snapshots(buffer, snapshot::gatherer_socket_path(configuration));
    const auto fetch = [&](std::string& text, util::BootTime not_before, util::BootTime deadline,
                           snapshot::RefreshReason reason) {
        return snapshots.fetch(text, not_before, deadline, reason);
    };
    endpoint::Endpoint endpoint(configuration, segment, fetch, ready_token_reader(configuration));
    fastcgi::Responder responder(listener, stop_fd, &busy);
    const auto refused = [&](int status) { segment.count_answer(status); };
    while (const auto* request = responder.next(refused)) {
        responder.answer(endpoint.answer(*request));
        endpoint.record_last_used();
    }
}

void gather(const config::Configuration& configuration, GathererListeners listeners, snapshot::SnapshotBuffer& buffer,
            util::KeptRecord& cpu, const MailLogResources& mail_log, int stop_fd) {
    if (!system::has_dac_read_search()) {
        util::log(util::LogLevel::notice,
                  "without CAP_DAC_READ_SEARCH the mail queue can only be counted as root or "
                  "postfix; start as root, or see ceymail-metrics --check");
    }
    auto collectors = make_collectors(configuration, collect::tallied_in(cpu));
    if (mail_log) collectors.push_back(make_mail_log_collector(configuration, mail_log));
    scheduler::CollectorScheduler scheduler(std::move(collectors), work_budget(configuration));
    scheduler::serve_gatherer(listeners.workers, stop_fd, buffer, scheduler, listeners.reports);
}

}  // namespace ceymail::supervisor
