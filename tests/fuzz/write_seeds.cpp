// SPDX-License-Identifier: MIT
// Writes the binary seeds: FastCGI requests, and a segment. Usage: write-seeds DIRECTORY
#include <cstring>
#include <filesystem>
#include <fstream>

#include "ceymail/shared/segment.hpp"
#include "support/fastcgi_records.hpp"
#include "support/malformed_requests.hpp"

namespace {

constexpr std::size_t k_longest = 2048;  // longer ones add no coverage, and are slow

class Seeds {
public:
    explicit Seeds(std::filesystem::path directory) : m_directory(std::move(directory)) {
        std::filesystem::create_directories(m_directory);
    }
    void add(std::string_view bytes) {
        if (bytes.size() > k_longest) return;
        std::ofstream(m_directory / std::to_string(m_count++), std::ios::binary) << bytes;
    }

private:
    std::filesystem::path m_directory;
    int m_count = 0;
};

void write_requests(Seeds seeds) {
    using namespace ceymail::testing;
    seeds.add(request(scrape_parameters()));
    seeds.add(begin_request() + params(pairs(scrape_parameters()), 100, 7) + record(5, 1, "body") + record(5, 1, ""));
    for (const auto& malformed : malformed_requests()) seeds.add(malformed.bytes);
}

// A slot as in segment_fuzz.cpp.
std::string slot(int family, int entry, std::uint64_t network, std::int64_t time) {
    std::string bytes{0, static_cast<char>(0x80), static_cast<char>(family), static_cast<char>(entry)};
    bytes.append(reinterpret_cast<const char*>(&network), sizeof network);
    return bytes.append(reinterpret_cast<const char*>(&time), sizeof time);
}

void write_segments(Seeds seeds) {
    constexpr std::int64_t k_minute = 60'000'000'000;
    const auto header = ceymail::shared::make_header(123456, "8a2f3c1e-0000-4000-8000-0123456789ab");
    seeds.add("\1" + std::string(reinterpret_cast<const char*>(&header), sizeof header));
    seeds.add(std::string(1, '\0') + slot(4, 0, 0xC0000207, 120 * k_minute - 1));
    seeds.add(std::string(1, '\0') + slot(6, 12, 0x20010db800000000, 119 * k_minute));
    std::string spent(1, '\0');
    for (int entry = 0; entry < 12; ++entry) spent += slot(4, entry, 0xC0000207, 119 * k_minute + entry);
    seeds.add(spent);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 64;
    const std::filesystem::path directory = argv[1];
    write_requests(Seeds(directory / "request_validation"));
    write_segments(Seeds(directory / "segment"));
    return 0;
}
