// SPDX-License-Identifier: MIT
// Secrets: the token is in no log, argument, environment, memory or core once a request is over.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/fastcgi_client.hpp"
#include "support/live_responder.hpp"
#include "support/malformed_requests.hpp"
#include "support/miniature.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

std::string file_of(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

std::size_t occurrences(const std::string& text, const std::string& word) {
    std::size_t count = 0;
    for (auto at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++count;
    return count;
}

// How often `word` stands in what a process may write to.
std::size_t occurrences_in_memory(pid_t pid, const std::string& word) {
    std::ifstream maps(file_of(pid, "maps"));
    const util::Fd memory(::open(file_of(pid, "mem").c_str(), O_RDONLY | O_CLOEXEC));
    std::size_t count = 0;
    std::string bytes;
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0, end = 0;
        char mode[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) != 3 || mode[1] != 'w') continue;
        bytes.resize(end - begin);
        const auto size = ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(begin));
        bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        count += occurrences(bytes, word);
    }
    return count;
}

// proc(5): the files of a process that may not be dumped belong to root.
bool is_dumpable(pid_t pid) {
    struct stat status{};
    return ::stat(file_of(pid, "environ").c_str(), &status) == 0 && status.st_uid != 0;
}

class Canary {
public:
    explicit Canary(Proof& proof) : m_proof(proof) {
        m_live.database().query("SET GLOBAL general_log_file = '" + general_log() + "', GLOBAL general_log = 1");
        m_token = m_live.generate();
    }

    // Whole, cut, doubled, malformed, from one that leaves, refused and served, with the database up and down.
    void sing(std::size_t rounds) {
        const auto whole = request(scrape_parameters("Bearer " + m_token));
        for (std::size_t i = 0; i < rounds; ++i) {
            m_proof.hold(m_live.ask(m_token).status == 200, "the responder does not answer");
            (void)m_live.ask(m_token + "x");
            (void)m_live.ask_with("Basic " + m_token);
            (void)m_live.ask_with("Bearer " + m_token + " " + m_token);
            (void)m_live.ask(m_token, {}, {{"HTTP_AUTHORIZATION", m_token}});
            (void)m_live.send(whole + "x");
            FastcgiClient cut(m_live.address());
            cut.send(whole.substr(0, whole.size() - 8));
            cut.half_close();
            (void)cut.receive();
            FastcgiClient hasty(m_live.address());
            hasty.send(whole);
        }
        m_live.database().pause();
        (void)m_live.ask(m_token);
        m_live.database().resume();
        m_proof.tell(8 * rounds, "requests with the canary");
    }

    void seek_in_processes() {
        m_proof.hold(m_live.ask_with("").status == 401, "the responder does not answer");
        std::size_t looked_at = 0;
        for (const pid_t pid : processes()) {
            const auto found = occurrences_in_memory(pid, m_token);
            m_proof.hold(found == 0, "the token stands " + grouped(found) + " times in the memory of " + name_of(pid));
            for (const char* file : {"cmdline", "environ"})
                m_proof.hold(occurrences(slurp(file_of(pid, file)), m_token) == 0,
                             std::string("the token is in ") + file);
            m_proof.hold(!is_dumpable(pid), name_of(pid) + " may be dumped");
            m_proof.hold(slurp(file_of(pid, "limits")).find("Max core file size        0                    0") !=
                             std::string::npos,
                         name_of(pid) + " may leave a core");
            ++looked_at;
        }
        m_proof.tell(looked_at, "processes searched, none may be dumped");
    }

    // With a request in hand, so that it does hold the token.
    void crash_workers() {
        m_live.database().pause();
        std::jthread client([this] { (void)m_live.ask(m_token); });
        std::this_thread::sleep_for(200ms);
        std::size_t held = 0;
        for (const pid_t pid : m_live.workers()) {
            held += occurrences_in_memory(pid, m_token);
            ::kill(pid, SIGSEGV);
        }
        m_live.database().resume();
        client.join();
        m_proof.hold(held > 0, "no worker had the token when it crashed: nothing is shown");
        m_proof.hold(eventually([this] { return m_live.log().find("signal 11") != std::string::npos; }),
                     "a crashed worker is not told of");
        for (const auto& entry : std::filesystem::directory_iterator(m_live.folder().path()))
            m_proof.hold(!entry.path().filename().string().starts_with("core"), "a crashed worker left a core");
        m_proof.tell("workers crashed with it left no core");
    }

    void seek_in_files() {
        m_proof.hold(m_live.ask(m_token).status == 200, "the responder does not answer after crashes");
        m_live.stop();
        const auto log = slurp(general_log());
        m_proof.hold(log.find("metrics_tokens") != std::string::npos, "the database's log tells nothing");
        std::size_t files = 0;
        for (const auto& folder : {m_live.folder().path(), m_live.database().folder()}) {
            for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
                if (!entry.is_regular_file()) continue;
                m_proof.hold(occurrences(slurp(entry.path()), m_token) == 0,
                             "the token is in " + entry.path().string());
                ++files;
            }
        }
        m_proof.tell(files, "files searched, logs and tables among them");
    }

private:
    [[nodiscard]] std::string general_log() const { return (m_log_folder / "general.log").string(); }
    [[nodiscard]] std::vector<pid_t> processes() const {
        auto all = m_live.children();
        all.push_back(m_live.supervisor());
        return all;
    }
    static std::string name_of(pid_t pid) {
        std::string name;
        std::ifstream(file_of(pid, "comm")) >> name;
        return name;
    }

    Proof& m_proof;
    TemporaryFolder m_log_folder;
    LiveResponder m_live{{.configuration = {{"rate_window", "1"}}}};
    std::string m_token;
};

// This program may leave cores, so that what it starts would, if it did not forbid it.
class CoresAllowed {
public:
    CoresAllowed() {
        ::getrlimit(RLIMIT_CORE, &m_before);
        const rlimit all{m_before.rlim_max, m_before.rlim_max};
        ::setrlimit(RLIMIT_CORE, &all);
    }
    ~CoresAllowed() { ::setrlimit(RLIMIT_CORE, &m_before); }
    CoresAllowed(const CoresAllowed&) = delete;
    CoresAllowed& operator=(const CoresAllowed&) = delete;

private:
    rlimit m_before{};
};

}  // namespace

void secrets_stay_secret(Proof& proof) {
    const CoresAllowed allowed;
    Canary canary(proof);
    canary.sing(proof.rounds(300, 20));
    canary.seek_in_processes();
    canary.crash_workers();
    canary.seek_in_files();
}

}  // namespace ceymail::testing
