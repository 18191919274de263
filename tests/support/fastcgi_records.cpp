// SPDX-License-Identifier: MIT
#include "support/fastcgi_records.hpp"

#include <algorithm>

namespace ceymail::testing {
namespace {

char octet(std::size_t value) { return static_cast<char>(static_cast<unsigned char>(value & 0xFF)); }
std::size_t octet_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::string header(unsigned version, unsigned type, unsigned id, std::size_t content, std::size_t padding) {
    return {octet(version),      octet(type),    octet(id >> 8), octet(id),
            octet(content >> 8), octet(content), octet(padding), '\0'};
}

}  // namespace

std::string record(unsigned type, unsigned id, std::string_view content, std::size_t padding, unsigned version) {
    return header(version, type, id, content.size(), padding).append(content).append(padding, 'p');
}

std::string record_declaring(unsigned type, unsigned id, std::string_view content, std::size_t declared) {
    return header(1, type, id, declared, 0).append(content);
}

std::string begin_request(unsigned id, unsigned role, unsigned flags) {
    return record(1, id, std::string{octet(role >> 8), octet(role), octet(flags), 0, 0, 0, 0, 0});
}

std::string length(std::size_t value, Lengths lengths) {
    if (value < 128 && lengths == Lengths::shortest) return {octet(value)};
    return {octet(value >> 24 | 0x80), octet(value >> 16), octet(value >> 8), octet(value)};
}

std::string pair(std::string_view name, std::string_view value, Lengths lengths) {
    return length(name.size(), lengths).append(length(value.size(), lengths)).append(name).append(value);
}

std::string pairs(const Parameters& parameters) {
    std::string out;
    for (const auto& [name, value] : parameters) out += pair(name, value);
    return out;
}

std::string params(std::string_view content, std::size_t piece, std::size_t padding, unsigned id) {
    std::string out;
    for (std::size_t at = 0; at < content.size(); at += piece) out += record(4, id, content.substr(at, piece), padding);
    return out + record(4, id, "", padding);
}

std::string request(const Parameters& parameters) {
    return begin_request() + params(pairs(parameters)) + record(5, 1, "");
}

Parameters scrape_parameters(const std::string& authorization) {
    return {{"QUERY_STRING", ""},
            {"REQUEST_METHOD", "GET"},
            {"CONTENT_TYPE", ""},
            {"CONTENT_LENGTH", ""},
            {"SCRIPT_NAME", "/api/stats/metrics"},
            {"REQUEST_URI", "/api/stats/metrics"},
            {"DOCUMENT_URI", "/api/stats/metrics"},
            {"DOCUMENT_ROOT", "/var/www/html"},
            {"SERVER_PROTOCOL", "HTTP/1.1"},
            {"REQUEST_SCHEME", "https"},
            {"HTTPS", "on"},
            {"GATEWAY_INTERFACE", "CGI/1.1"},
            {"SERVER_SOFTWARE", "nginx/1.22.1"},
            {"REMOTE_ADDR", "192.0.2.7"},
            {"REMOTE_PORT", "51234"},
            {"SERVER_ADDR", "192.0.2.1"},
            {"SERVER_PORT", "443"},
            {"SERVER_NAME", "mail.example.org"},
            {"REDIRECT_STATUS", "200"},
            {"HTTP_HOST", "mail.example.org"},
            {"HTTP_USER_AGENT", "Prometheus/3.0.0"},
            {"HTTP_ACCEPT", "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"},
            {"HTTP_ACCEPT_ENCODING", "gzip"},
            {"HTTP_AUTHORIZATION", authorization},
            {"HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", "10"}};
}

Answer read_answer(std::string_view bytes) {
    Answer answer;
    std::size_t id = 0;
    while (!bytes.empty()) {
        answer.valid = answer.valid && bytes.size() >= 8 && octet_at(bytes, 0) == 1 && !answer.ended;
        if (!answer.valid) break;
        const std::size_t type = octet_at(bytes, 1);
        const std::size_t record_id = octet_at(bytes, 2) << 8 | octet_at(bytes, 3);
        const std::size_t content = octet_at(bytes, 4) << 8 | octet_at(bytes, 5);
        const std::size_t size = 8 + content + octet_at(bytes, 6);
        answer.valid = bytes.size() >= size && (id == 0 || id == record_id) && (type == 6 || type == 3);
        if (!answer.valid) break;
        if (type == 6) answer.text += bytes.substr(8, content);
        answer.ended = type == 3;
        id = record_id;
        bytes.remove_prefix(size);
    }
    return answer;
}

}  // namespace ceymail::testing
