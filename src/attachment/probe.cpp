// SPDX-License-Identifier: MIT
#include "ceymail/attachment/probe.hpp"

namespace ceymail::attachment {
namespace {

std::string address_of(const site::Listener& listener) {
    if (listener.address.empty()) return "127.0.0.1";
    if (listener.address == "[::]") return "::1";
    if (listener.address.starts_with('[') && listener.address.ends_with(']'))
        return listener.address.substr(1, listener.address.size() - 2);
    return listener.address;
}

}  // namespace

util::Result<webclient::Answer> ask_site(const site::Listener& listener, const std::string& name,
                                         const std::string& path, std::chrono::milliseconds timeout) {
    const bool usual_port = listener.port == (listener.tls ? "443" : "80");
    return webclient::ask({.host = address_of(listener),
                           .port = listener.port,
                           .tls = listener.tls,
                           .name = name,
                           .prelude = listener.proxy_protocol ? "PROXY UNKNOWN\r\n" : ""},
                          "GET " + path + " HTTP/1.1\r\nHost: " + name + (usual_port ? "" : ":" + listener.port) +
                              "\r\nUser-Agent: ceymail-attach\r\nConnection: close\r\n\r\n",
                          timeout);
}

}  // namespace ceymail::attachment
