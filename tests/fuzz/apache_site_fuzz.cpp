// SPDX-License-Identifier: MIT
// parse_apache() and the editor on any site file.
// fuzz: -max_len=4096
#include "fuzz/site_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    return ceymail::fuzz::check_site(ceymail::site::WebServer::apache, ceymail::fuzz::text_of(data, size));
}
