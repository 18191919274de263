// SPDX-License-Identifier: MIT
// The peer: the plain libfcgi loop that everybody writes, answering every request with the same bytes, after one
// prepared query if it is given a database.
//   usage: constant_responder unix:/PATH PROCESSES ANSWER [SOCKET OPTION-FILE QUERY]
// ANSWER: a file with a CGI response, header lines first. Ends with its parent.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <fcgiapp.h>
#include <mariadb/mysql.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int k_backlog = 512;

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "constant_responder: %s\n", why.c_str());
    std::exit(1);
}

// One row of a number and a binary of 32 bytes, as the token check reads it.
class Query {
public:
    Query(const char* socket, const char* option_file, const std::string& sql) {
        mysql_options(m_connection, MYSQL_READ_DEFAULT_FILE, option_file);
        mysql_options(m_connection, MYSQL_READ_DEFAULT_GROUP, "client");
        if (mysql_real_connect(m_connection, "localhost", "ceymail-metrics", nullptr, nullptr, 0, socket, 0) == nullptr)
            die(mysql_error(m_connection));
        m_statement = mysql_stmt_init(m_connection);
        if (mysql_stmt_prepare(m_statement, sql.data(), sql.size()) != 0) die(mysql_stmt_error(m_statement));
        m_columns[0].buffer_type = MYSQL_TYPE_LONGLONG;
        m_columns[0].buffer = &m_id;
        m_columns[1].buffer_type = MYSQL_TYPE_BLOB;
        m_columns[1].buffer = m_digest.data();
        m_columns[1].buffer_length = m_digest.size();
        if (mysql_stmt_bind_result(m_statement, m_columns.data()) != 0) die(mysql_stmt_error(m_statement));
    }

    void run() {
        if (mysql_stmt_execute(m_statement) != 0 || mysql_stmt_store_result(m_statement) != 0 ||
            mysql_stmt_fetch(m_statement) != 0)
            die(mysql_stmt_error(m_statement));
        mysql_stmt_free_result(m_statement);
    }

private:
    MYSQL* m_connection = mysql_init(nullptr);
    MYSQL_STMT* m_statement = nullptr;
    std::array<MYSQL_BIND, 2> m_columns{};
    long long m_id = 0;
    std::array<char, 32> m_digest{};
};

[[noreturn]] void serve(int listener, const std::string& answer, Query* query) {
    FCGX_Request request;
    FCGX_InitRequest(&request, listener, 0);
    while (FCGX_Accept_r(&request) == 0) {
        if (query != nullptr) query->run();
        FCGX_PutStr(answer.data(), static_cast<int>(answer.size()), request.out);
        FCGX_Finish_r(&request);
    }
    std::exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4 && argc != 7) die("usage: constant_responder unix:/PATH PROCESSES ANSWER [SOCKET OPTION-FILE QUERY]");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    std::ifstream file(argv[3], std::ios::binary);
    const std::string answer{std::istreambuf_iterator(file), {}};
    if (answer.empty()) die(std::string("no answer in ") + argv[3]);
    FCGX_Init();
    const int listener = FCGX_OpenSocket(argv[1] + sizeof "unix:" - 1, k_backlog);
    if (listener < 0) die(std::string("cannot listen on ") + argv[1]);
    for (int i = std::atoi(argv[2]); i > 0; --i) {
        if (fork() != 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        const auto query = argc == 7 ? std::make_unique<Query>(argv[4], argv[5], argv[6]) : nullptr;
        serve(listener, answer, query.get());
    }
    while (wait(nullptr) > 0) {
    }
}
