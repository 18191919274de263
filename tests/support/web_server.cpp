// SPDX-License-Identifier: MIT
#include "support/web_server.hpp"

#include <filesystem>
#include <stdexcept>

#include "support/http_client.hpp"
#include "support/miniature.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

std::string with_port(const std::string& text, int port) { return replaced(text, "@PORT@", std::to_string(port)); }

std::string nginx_main(const std::string& directory, const std::string& http) {
    std::string text = "daemon off;\nuser " + std::string(k_web_user) + " " + k_web_user + ";\npid " + directory +
                       "/pid;\nerror_log " + directory +
                       "/log;\nworker_processes 1;\nevents {}\nhttp {\naccess_log off;\n";
    for (const char* kind : {"client_body", "fastcgi", "proxy", "scgi", "uwsgi"})
        text += std::string(kind) + "_temp_path " + directory + "/" + kind + ";\n";
    return text + http + "\n}\n";
}

std::string apache_main(const std::string& directory, int port, const std::string& more) {
    std::string text = "ServerRoot /usr/lib/apache2\nDefaultRuntimeDir " + directory + "\nPidFile " + directory +
                       "/pid\nErrorLog " + directory + "/log\nMutex file:" + directory +
                       " default\nServerName localhost\nUser " + k_web_user + "\nGroup " + k_web_user +
                       "\nListen 127.0.0.1:" + std::to_string(port) + "\n";
    for (const char* module :
         {"mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "alias", "env", "setenvif",
          "ssl", "socache_shmcb", "proxy", "proxy_fcgi", "fcgid", "cgid"})
        text += std::string("LoadModule ") + module + "_module modules/mod_" + module + ".so\n";
    // As Debian's own apache2.conf: nothing of the file system unless it is granted.
    text += "<Directory />\nRequire all denied\n</Directory>\nDocumentRoot " + directory + "/www\n<Directory " +
            directory + "/www>\nRequire all granted\n</Directory>\n";
    return text + "ScriptSock " + directory + "/cgid.sock\nFcgidIPCDir " + directory +
           "/fcgid\nFcgidProcessTableFile " + directory + "/fcgid.table\n" + more;
}

}  // namespace

WebServer WebServer::nginx(const std::string& http) {
    WebServer server(free_port());
    const auto& directory = *server.m_directory;
    const auto file = directory.write("nginx.conf", nginx_main(directory.path(), with_port(http, server.m_port)));
    server.start({.arguments = {"/usr/sbin/nginx", "-e", directory / "log", "-p", directory.path(), "-c", file},
                  .output_file = directory / "printed",
                  .errors_file = directory / "printed"});
    return server;
}

WebServer WebServer::apache(const std::string& text) {
    WebServer server(free_port());
    const auto& directory = *server.m_directory;
    directory.write("www/index.html", "");
    const auto file =
        directory.write("apache2.conf", apache_main(directory.path(), server.m_port, with_port(text, server.m_port)));
    server.start({.arguments = {"/usr/sbin/apache2", "-D", "FOREGROUND", "-f", file},
                  .output_file = directory / "printed",
                  .errors_file = directory / "printed"});
    return server;
}

void WebServer::start(const ChildOptions& options) {
    m_server.emplace(options);
    const auto is_ready = [&] { return !m_server->running() || listens_on(m_port); };
    if (!eventually(is_ready, 20s) || !m_server->running())
        throw std::runtime_error(options.arguments.front() + " does not come up:\n" + log());
}

std::string WebServer::log() const {
    std::string text = slurp(*m_directory / "printed");
    if (std::filesystem::exists(*m_directory / "log")) text += slurp(*m_directory / "log");
    return text;
}

}  // namespace ceymail::testing
