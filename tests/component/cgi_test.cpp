// SPDX-License-Identifier: MIT
// Plain CGI: the request in the environment, the answer on standard output, in a child process.
#include "ceymail/fastcgi/cgi.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "ceymail/fastcgi/listener.hpp"
#include "support/temporary_directory.hpp"

using namespace ceymail;
using namespace ceymail::testing;

namespace {

// Returns: its standard output, followed by the exit code.
std::string in_child(const auto& body) {
    int pipe_ends[2];
    BOOST_TEST_REQUIRE(pipe2(pipe_ends, O_CLOEXEC) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(pipe_ends[1], STDOUT_FILENO);
        _exit(body());
    }
    close(pipe_ends[1]);
    std::string output;
    char buffer[4096];
    for (ssize_t size = 0; (size = read(pipe_ends[0], buffer, sizeof buffer)) > 0;) {
        output.append(buffer, static_cast<std::size_t>(size));
    }
    close(pipe_ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    return output + "[" + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status)) + "]";
}

int standard_input_from(const char* path) { return dup2(open(path, O_RDONLY), STDIN_FILENO); }

}  // namespace

BOOST_AUTO_TEST_SUITE(cgi)

BOOST_AUTO_TEST_CASE(knows_when_it_was_started_as_one) {
    BOOST_TEST(in_child([] {
                   unsetenv("GATEWAY_INTERFACE");
                   standard_input_from("/dev/null");
                   return fastcgi::started_as_cgi() ? 1 : 0;
               }) == "[0]");
    BOOST_TEST(in_child([] {
                   setenv("GATEWAY_INTERFACE", "CGI/1.1", 1);
                   standard_input_from("/dev/null");
                   return fastcgi::started_as_cgi() ? 1 : 0;
               }) == "[1]");
    const TemporaryDirectory directory;
    const auto listener = fastcgi::make_listener("unix:" + (directory / "socket").string(), "");
    BOOST_TEST_REQUIRE(listener.has_value());
    BOOST_TEST(in_child([&] {
                   setenv("GATEWAY_INTERFACE", "CGI/1.1", 1);
                   dup2(listener->get(), STDIN_FILENO);
                   return fastcgi::started_as_cgi() ? 1 : 0;
               }) == "[0]");
}

BOOST_AUTO_TEST_CASE(reads_the_request_and_takes_the_token_out_of_the_environment) {
    BOOST_TEST(in_child([] {
                   setenv("REQUEST_METHOD", "HEAD", 1);
                   setenv("REQUEST_URI", "/x", 1);
                   setenv("REMOTE_ADDR", "192.0.2.7", 1);
                   setenv("HTTP_AUTHORIZATION", "Bearer abc", 1);
                   const char* value = getenv("HTTP_AUTHORIZATION");
                   const fastcgi::Request request = fastcgi::request_from_environment();
                   if (request.method != "HEAD" || request.uri != "/x" || request.remote_addr != "192.0.2.7") return 1;
                   if (request.authorization.reveal() != "Bearer abc" || request.malformed) return 2;
                   return getenv("HTTP_AUTHORIZATION") == nullptr && *value == '\0' ? 0 : 3;
               }) == "[0]");
}

BOOST_AUTO_TEST_CASE(writes_the_answer_whole) {
    const fastcgi::Response response{.status = 200, .headers = {}, .body = std::string(300000, 'x')};
    BOOST_TEST(in_child([&] { return fastcgi::write_cgi(response) ? 0 : 1; }) == to_cgi(response) + "[0]");
}

BOOST_AUTO_TEST_CASE(leaves_nothing_of_the_request_unread_when_both_are_one_socket) {
    int ends[2];
    BOOST_TEST_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    BOOST_TEST(write(ends[0], "a=b", 3) == 3);
    BOOST_TEST(shutdown(ends[0], SHUT_WR) == 0);
    const pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDIN_FILENO);
        dup2(ends[1], STDOUT_FILENO);
        const bool written = fastcgi::write_cgi({.status = 200, .headers = {}, .body = "x"});
        fastcgi::discard_request_body();
        _exit(written ? 0 : 1);
    }
    close(ends[1]);
    int status = 0;
    waitpid(pid, &status, 0);
    BOOST_TEST(status == 0);
    char buffer[4096];
    BOOST_TEST(read(ends[0], buffer, sizeof buffer) > 0);  // else ECONNRESET
    BOOST_TEST(read(ends[0], buffer, sizeof buffer) == 0);
    close(ends[0]);
}

BOOST_AUTO_TEST_CASE(reads_no_more_of_a_body_than_the_largest) {
    const TemporaryDirectory directory;
    const auto body = directory.write("body", std::string(70'000, 'b'));
    BOOST_TEST(in_child([&] {
                   standard_input_from(body.c_str());
                   fastcgi::discard_request_body();
                   return lseek(STDIN_FILENO, 0, SEEK_CUR) == 65536 ? 0 : 1;
               }) == "[0]");
}

BOOST_AUTO_TEST_CASE(does_not_wait_behind_the_end_of_a_body) {
    BOOST_TEST(in_child([] {
                   standard_input_from("/dev/null");
                   const auto begin = std::chrono::steady_clock::now();
                   fastcgi::discard_request_body();
                   return std::chrono::steady_clock::now() - begin < std::chrono::seconds(1) ? 0 : 1;
               }) == "[0]");
}

BOOST_AUTO_TEST_CASE(says_when_the_answer_could_not_be_written) {
    BOOST_TEST(in_child([] {
                   dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
                   return fastcgi::write_cgi({.status = 200, .headers = {}, .body = "x"}) ? 1 : 0;
               }) == "[0]");
}

BOOST_AUTO_TEST_SUITE_END()
