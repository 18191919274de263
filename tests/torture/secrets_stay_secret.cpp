// SPDX-License-Identifier: MIT
// Secrets: the token is in no log, argument, environment, memory or core once a request is over; nor is one that the
// settings page made, once it has been shown or its time is over.
#include <algorithm>
#include <cctype>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <regex>
#include <set>
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

// What a process may write to, one mapping after the other.
template <class Look>
void for_each_mapping(pid_t pid, Look look) {
    std::ifstream maps(file_of(pid, "maps"));
    const util::Fd memory(::open(file_of(pid, "mem").c_str(), O_RDONLY | O_CLOEXEC));
    std::string bytes;
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0, end = 0;
        char mode[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) != 3 || mode[1] != 'w') continue;
        bytes.resize(end - begin);
        const auto size = ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(begin));
        bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
        look(bytes);
    }
}

std::size_t occurrences_in_memory(pid_t pid, const std::string& word) {
    std::size_t count = 0;
    for_each_mapping(pid, [&](const std::string& bytes) { count += occurrences(bytes, word); });
    return count;
}

// Everything in a process that looks like a token.
std::set<std::string> tokens_in_memory(pid_t pid) {
    const std::string prefix = "ceymail_metrics_";
    std::set<std::string> found;
    for_each_mapping(pid, [&](const std::string& bytes) {
        for (auto at = bytes.find(prefix); at != bytes.npos; at = bytes.find(prefix, at + 1)) {
            const auto text = bytes.substr(at, prefix.size() + 43);
            const auto is_part = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_'; };
            if (text.size() == prefix.size() + 43 && std::ranges::all_of(text, is_part)) found.insert(text);
        }
    });
    return found;
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
            std::size_t found = 0;
            // It is wiped after the answer was sent, which the client may see before.
            const bool is_gone = eventually([&] { return (found = occurrences_in_memory(pid, m_token)) == 0; });
            m_proof.hold(is_gone, "the token stands " + grouped(found) + " times in the memory of " + name_of(pid));
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
        for (const auto& entry : std::filesystem::directory_iterator(m_live.directory().path()))
            m_proof.hold(!entry.path().filename().string().starts_with("core"), "a crashed worker left a core");
        m_proof.tell("workers crashed with it left no core");
    }

    void seek_in_files() {
        m_proof.hold(m_live.ask(m_token).status == 200, "the responder does not answer after crashes");
        m_live.stop();
        m_proof.tell(files_without(m_token), "files searched, logs and tables among them");
    }

    // The page makes a token and shows it, and makes another one that nobody comes for.
    void seek_in_settings_page() {
        start_settings_page();
        const pid_t page = m_page->pid();
        const auto first = post_generate();
        const auto waiting = tokens_of_page();
        m_proof.hold(waiting.size() == 1, "a token that waits to be shown is not found: nothing is shown");
        if (!m_proof.holds()) return;
        const auto token = *waiting.begin();
        const auto shown = ask_page({{"HTTP_COOKIE", first}});
        m_proof.hold(shown.mentions(token), "the page does not show the token that it made");
        // Not only the whole: what was left behind when a text grew may be a part. The page is wiped when all of it has
        // been sent.
        for (const std::size_t at : {0U, 20U, 35U})
            m_proof.hold(eventually([&] { return occurrences_in_memory(page, token.substr(at, 16)) == 0; }),
                         "a token that was shown stands in the memory of ceymail-settings");

        const auto second = post_generate();
        const auto kept = tokens_of_page();
        m_proof.hold(kept.size() == 1 && !kept.contains(token), "the second token is not found: nothing is shown");
        std::ofstream(m_log_directory / "clock") << 61;
        if (!m_proof.holds()) return;
        m_proof.hold(eventually([&] { return tokens_of_page().empty(); }),
                     "a token that nobody came for stays in the memory of ceymail-settings");
        m_proof.hold(!ask_page({{"HTTP_COOKIE", second}}).mentions(*kept.begin()), "it is shown after its time");
        m_proof.hold(!is_dumpable(page), "ceymail-settings may be dumped");
        for (const auto& one : {token, *kept.begin()}) (void)files_without(one);
        m_proof.tell("a page's token gone when shown, and when not fetched in time");
    }

private:
    // How many files there are.
    std::size_t files_without(const std::string& token) {
        const auto log = slurp(general_log());
        m_proof.hold(log.find("metrics_tokens") != std::string::npos, "the database's log tells nothing");
        std::size_t files = 0;
        for (const auto& directory :
             {m_live.directory().path(), m_live.database().directory(), m_log_directory.path()}) {
            for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
                if (!entry.is_regular_file()) continue;
                m_proof.hold(occurrences(slurp(entry.path()), token) == 0, "the token is in " + entry.path().string());
                ++files;
            }
        }
        return files;
    }

    void start_settings_page() {
        const auto init = m_live.token_tool({"init", "--settings"});
        m_proof.hold(init.status == 0, "init --settings: " + init.errors);
        m_gateway_secret = slurp(m_log_directory / "gateway-secret");
        m_gateway_secret.pop_back();
        std::ofstream(m_log_directory / "clock") << 0;
        m_page.emplace(ChildOptions{
            .arguments = {built_program("ceymail-settings"), "--config", m_live.directory() / "ceymail-metrics.conf"},
            .environment = {"LD_PRELOAD=" + std::filesystem::absolute(built_program("turned-clock.so")).string(),
                            "CEYMAIL_TURNED_CLOCK=" + (m_log_directory / "clock").string()},
            .errors_file = m_log_directory / "settings.log"});
        m_proof.hold(eventually([this] { return std::filesystem::is_socket(page_socket()); }),
                     "ceymail-settings does not come up");
    }
    // But for the password of its account in MariaDB, which has the same form and which the client library keeps.
    [[nodiscard]] std::set<std::string> tokens_of_page() const {
        const auto options = slurp(m_log_directory / "settings.cnf");
        auto found = tokens_in_memory(m_page->pid());
        std::erase_if(found, [&](const std::string& token) { return options.find(token) != std::string::npos; });
        return found;
    }
    [[nodiscard]] std::filesystem::path page_socket() const { return m_log_directory / "settings/socket"; }

    CgiAnswer ask_page(const Parameters& more, const std::string& query = "", const std::string& body = "") {
        Parameters parameters{{"REQUEST_METHOD", body.empty() ? "GET" : "POST"},
                              {"REQUEST_URI", "/settings/security/prometheus-metrics" + query},
                              {"REMOTE_ADDR", "192.0.2.1"},
                              {"REMOTE_USER", "amal"},
                              {"HTTPS", "on"},
                              {"HTTP_HOST", "mail.example.org"},
                              {"CONTENT_TYPE", "application/x-www-form-urlencoded"},
                              {"CEYMAIL_GATEWAY_SECRET", m_gateway_secret}};
        parameters.insert(parameters.end(), more.begin(), more.end());
        FastcgiClient client("unix:" + page_socket().string());
        client.send(begin_request() + params(pairs(parameters)) + (body.empty() ? "" : record(5, 1, body)) +
                    record(5, 1, ""));
        return read_cgi(read_answer(client.receive(10s)).text);
    }

    // The cookie by which the token is shown.
    std::string post_generate() {
        const auto form = ask_page({}, "?confirm=generate");
        std::smatch seal;
        const bool found = std::regex_search(form.body, seal, std::regex("name=\"seal\" value=\"([^\"]+)\""));
        m_proof.hold(found, "the page has no form: " + form.body);
        const auto sent = ask_page({}, "", "action=generate&seal=" + seal[1].str());
        m_proof.hold(sent.status == 303, "the page makes no token: " + sent.body);
        const auto cookie = sent.header("Set-Cookie");
        return cookie.substr(0, cookie.find(';'));
    }

    [[nodiscard]] std::string general_log() const { return (m_log_directory / "general.log").string(); }
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
    TemporaryDirectory m_log_directory;
    LiveResponder m_live{{.configuration = {{"rate_window", "1"},
                                            {"settings_listen", "unix:" + page_socket().string()},
                                            {"listen_group", "nogroup"},
                                            {"settings_user", "nobody"},
                                            {"settings_runtime_directory", m_log_directory / "settings"},
                                            {"settings_database_option_file", m_log_directory / "settings.cnf"},
                                            {"settings_gateway_secret", m_log_directory / "gateway-secret"}}}};
    std::string m_token;
    std::string m_gateway_secret;
    std::optional<ChildProcess> m_page;
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
    canary.seek_in_settings_page();
}

}  // namespace ceymail::testing
