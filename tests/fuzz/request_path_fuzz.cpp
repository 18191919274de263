// SPDX-License-Identifier: MIT
// request_path() on any REQUEST_URI.
// fuzz: -max_len=512
#include "ceymail/endpoint/request_path.hpp"

#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using ceymail::fuzz::require;
    constexpr std::string_view k_ours = "/api/stats/metrics";
    const auto uri = ceymail::fuzz::text_of(data, size);
    const auto path = ceymail::endpoint::request_path(uri);
    const auto before_query = uri.substr(0, uri.find('?'));
    require(path.find('?') == path.npos, "the query is no part of the path");
    require(path == "/" || before_query.ends_with(path), "the path stands in the URI");
    if (uri.starts_with('/')) require(path == before_query, "the usual form is taken as it is");
    if (path == k_ours) require(before_query.ends_with(k_ours), "only our path is our path");
    return 0;
}
