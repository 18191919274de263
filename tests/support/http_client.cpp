// SPDX-License-Identifier: MIT
#include "support/http_client.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <system_error>

#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "ceymail/util/fd.hpp"

namespace ceymail::testing {
namespace {

struct EasyCleanup {
    void operator()(CURL* handle) const noexcept { curl_easy_cleanup(handle); }
};
struct ListCleanup {
    void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};

std::size_t append(char* bytes, std::size_t size, std::size_t count, void* text) {
    static_cast<std::string*>(text)->append(bytes, size * count);
    return size * count;
}

std::size_t note_header(char* bytes, std::size_t size, std::size_t count, void* headers) {
    const std::string line(bytes, size * count);
    const auto colon = line.find(':');
    if (colon == line.npos) return size * count;
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    const auto start = line.find_first_not_of(" \t", colon + 1);
    const auto end = line.find_last_not_of(" \t\r\n");
    (*static_cast<std::map<std::string, std::string>*>(headers))[name] =
        start <= end ? line.substr(start, end - start + 1) : "";
    return size * count;
}

}  // namespace

std::string HttpAnswer::header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
}

HttpAnswer fetch(const HttpRequest& request) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    const std::unique_ptr<CURL, EasyCleanup> handle(initialised == CURLE_OK ? curl_easy_init() : nullptr);
    if (!handle) throw std::runtime_error("libcurl does not start");
    std::unique_ptr<curl_slist, ListCleanup> headers;
    for (const auto& header : request.headers) headers.reset(curl_slist_append(headers.release(), header.c_str()));

    HttpAnswer answer;
    char words[CURL_ERROR_SIZE] = "";
    const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(handle.get(), option, value); };
    set(CURLOPT_URL, request.url.c_str());
    set(CURLOPT_PROXY, "");  // whatever the environment says
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
    set(CURLOPT_HTTPHEADER, headers.get());
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (request.method == "HEAD") set(CURLOPT_NOBODY, 1L);
    if (request.method == "POST" || request.method == "PUT") {
        set(CURLOPT_POSTFIELDSIZE, static_cast<long>(request.body.size()));
        set(CURLOPT_POSTFIELDS, request.body.c_str());
    }
    if (!request.authorities.empty()) set(CURLOPT_CAINFO, request.authorities.c_str());
    if (!request.certificate.empty()) set(CURLOPT_SSLCERT, request.certificate.c_str());
    set(CURLOPT_HTTP_VERSION, request.http_version);
    if (!request.source_address.empty()) set(CURLOPT_INTERFACE, request.source_address.c_str());
    set(CURLOPT_WRITEFUNCTION, &append);
    set(CURLOPT_WRITEDATA, &answer.body);
    set(CURLOPT_HEADERFUNCTION, &note_header);
    set(CURLOPT_HEADERDATA, &answer.headers);
    set(CURLOPT_ERRORBUFFER, &words[0]);
    if (const auto code = curl_easy_perform(handle.get()); code != CURLE_OK)
        throw std::runtime_error(request.method + " " + request.url + ": " +
                                 (words[0] != '\0' ? words : curl_easy_strerror(code)));
    curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
}

int free_port() {
    const util::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.get(), generic, length) != 0 || ::getsockname(socket.get(), generic, &length) != 0)
        throw std::system_error(errno, std::generic_category(), "no free port");
    return ntohs(address.sin_port);
}

bool listens_on(int port) {
    const util::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace ceymail::testing
