// SPDX-License-Identifier: MIT
#include "ceymail/system/hanging_paths.hpp"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <sys/stat.h>

namespace ceymail::system {

namespace {

using config::Configuration;
using Paths = std::vector<std::filesystem::path>;

// Lives as long as its last thread.
class Probe {
public:
    Probe(Paths paths, std::function<void()> on_answer)
        : m_paths(std::move(paths)), m_on_answer(std::move(on_answer)), m_has_answered(m_paths.size()) {}

    // In a thread of the path's own, or of all.
    void ask(std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i) {
            struct stat ignored{};
            static_cast<void>(::stat(m_paths[i].c_str(), &ignored));
            const std::lock_guard lock(m_mutex);
            if (m_has_answered[i]) continue;  // by another thread
            m_has_answered[i] = true;
            if (--m_unanswered > 0) continue;
            m_changed.notify_all();
            if (m_has_given_up) m_on_answer();
        }
    }

    // Returns: false if some have not answered within `patience`.
    bool wait(std::chrono::nanoseconds patience) {
        std::unique_lock lock(m_mutex);
        return m_changed.wait_for(lock, patience, [this] { return m_unanswered == 0; });
    }

    [[nodiscard]] std::vector<bool> answered() {
        const std::lock_guard lock(m_mutex);
        return m_has_answered;
    }

    // Returns: the paths without an answer. If there are such, the last answer calls `on_answer`.
    [[nodiscard]] Paths give_up() {
        const std::lock_guard lock(m_mutex);
        m_has_given_up = true;
        Paths hanging;
        for (std::size_t i = 0; i < m_paths.size(); ++i)
            if (!m_has_answered[i]) hanging.push_back(m_paths[i]);
        return hanging;
    }

private:
    const Paths m_paths;
    const std::function<void()> m_on_answer;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<bool> m_has_answered;
    std::size_t m_unanswered = m_paths.size();
    bool m_has_given_up = false;
};

// Returns: false if there is no thread to be had.
bool start(const std::shared_ptr<Probe>& probe, std::size_t from, std::size_t to) try {
    std::thread([probe, from, to] { probe->ask(from, to); }).detach();
    return true;
} catch (const std::system_error&) {
    return false;
}

template <typename C>
auto single_paths(C& configuration) {
    return std::array{&configuration.proc,
                      &configuration.attach_state,
                      &configuration.mail_log,
                      &configuration.fail2ban_log,
                      &configuration.backup_directory,
                      &configuration.database_option_file,
                      &configuration.database_tls_ca,
                      &configuration.database_tls_certificate,
                      &configuration.database_tls_key};
}

}  // namespace

Paths hanging_paths(Paths paths, std::chrono::nanoseconds patience, std::function<void()> on_answer) {
    const auto size = paths.size();
    const auto probe = std::make_shared<Probe>(std::move(paths), std::move(on_answer));
    if (!start(probe, 0, size) || probe->wait(patience)) return {};
    const auto answered = probe->answered();
    for (std::size_t i = 0; i < size; ++i)
        if (!answered[i]) start(probe, i, i + 1);  // behind one that hangs, another may answer
    return probe->wait(patience) ? Paths{} : probe->give_up();
}

Paths paths_of_gatherer(const Configuration& configuration) {
    auto paths = configuration.queue_directories;
    for (const auto& certificate : configuration.certificates) paths.push_back(certificate.path);
    for (const auto* const path : single_paths(configuration))
        if (path->is_absolute()) paths.push_back(*path);
    return paths;
}

Configuration without_paths(Configuration configuration, const Paths& paths) {
    const auto is_out = [&](const auto& path) { return std::ranges::find(paths, path) != paths.end(); };
    std::erase_if(configuration.queue_directories, is_out);
    std::erase_if(configuration.certificates, [&](const auto& one) { return is_out(one.path); });
    for (auto* const path : single_paths(configuration))
        if (is_out(*path)) path->clear();
    return configuration;
}

}  // namespace ceymail::system
