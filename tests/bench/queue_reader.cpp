// SPDX-License-Identifier: MIT
// The queue reader beside the least that can be done: getdents64(2) in a loop, on one thread and on two.
//   usage: queue_reader QUEUE-DIRECTORY RUNS     prints a JSON object of lists of seconds, one a run
// 100 empty files are moved within one directory of `deferred` for the last of them, so the queue must be an artificial
// one. All directories are in the kernel's cache: `cold` is a reader that remembers nothing.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ceymail/collect/queue_reader.hpp"
#include "ceymail/util/fd.hpp"

namespace {

using namespace ceymail;
namespace fs = std::filesystem;

constexpr std::size_t k_buffer_bytes = 256U << 10U;
constexpr std::size_t k_moved = 100;

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "queue_reader: %s\n", why.c_str());
    std::exit(1);
}

template <class Work>
double seconds_of(Work work) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<fs::path> directories_of(const fs::path& queue_directory) {
    std::vector<fs::path> directories;
    for (const char* queue : {"active", "deferred", "bounce", "hold"}) {
        directories.push_back(queue_directory / queue);
        for (const auto& entry : fs::recursive_directory_iterator(queue_directory / queue)) {
            if (entry.is_directory()) directories.push_back(entry.path());
        }
    }
    return directories;
}

std::size_t count_files(const fs::path& directory, std::byte* buffer) {
    const util::Fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY)};
    std::size_t files = 0;
    for (;;) {
        const long size = ::syscall(SYS_getdents64, fd.get(), buffer, k_buffer_bytes);
        if (size <= 0) return files;
        for (long at = 0; at < size;) {
            const auto* const entry = reinterpret_cast<const dirent64*>(buffer + at);
            if (entry->d_type == DT_REG) ++files;
            at += entry->d_reclen;
        }
    }
}

std::size_t count_raw(const std::vector<fs::path>& directories, unsigned threads) {
    std::atomic<std::size_t> next = 0;
    std::atomic<std::size_t> files = 0;
    const auto work = [&] {
        const auto buffer = std::make_unique_for_overwrite<std::byte[]>(k_buffer_bytes);
        for (std::size_t i = next++; i < directories.size(); i = next++)
            files += count_files(directories[i], buffer.get());
    };
    std::vector<std::jthread> helpers;
    while (helpers.size() + 1 < threads) helpers.emplace_back(work);
    work();
    helpers.clear();
    return files;
}

collect::QueueCounts read(collect::QueueReader& reader) {
    const auto counts = reader.read(util::BootClock::now() + std::chrono::minutes(1));
    if (!counts) die(counts.error().message);
    return *counts;
}

std::size_t sum(const collect::QueueCounts& counts) {
    return counts.active + counts.deferred + counts.bounce + counts.hold;
}

// There and back again under another name, so that the directory holds what it held.
void move_files(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory)) {
        if (files.size() == k_moved) break;
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    for (const auto& file : files) fs::rename(file, file.string() + "X");
    for (const auto& file : files) fs::rename(file.string() + "X", file);
}

// A stamp is only believed once it is older than the clock's tick.
void let_stamps_settle() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

void print(const std::map<std::string, std::vector<double>>& figures, std::size_t files) {
    std::printf("{\"files\": %zu", files);
    for (const auto& [name, values] : figures) {
        std::printf(", \"%s\": [", name.c_str());
        for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.9f", i == 0 ? "" : ", ", values[i]);
        std::printf("]");
    }
    std::printf("}\n");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) die("usage: queue_reader QUEUE-DIRECTORY RUNS");
    const fs::path queue_directory = argv[1];
    const auto directories = directories_of(queue_directory);
    const std::size_t files = count_raw(directories, 1);
    const auto one = std::ranges::find(directories, queue_directory / "deferred", &fs::path::parent_path);
    if (one == directories.end()) die("deferred has no subdirectories");
    std::map<std::string, std::vector<double>> figures;
    let_stamps_settle();
    for (int run = std::atoi(argv[2]); run > 0; --run) {
        std::size_t seen = 0;
        figures["getdents_1"].push_back(seconds_of([&] { seen = count_raw(directories, 1); }));
        figures["getdents_2"].push_back(seconds_of([&] { seen = count_raw(directories, 2); }));
        collect::QueueReader reader(queue_directory);
        figures["cold"].push_back(seconds_of([&] { seen = sum(read(reader)); }));
        if (seen != files)
            die("the reader counts " + std::to_string(seen) + " files, there are " + std::to_string(files));
        figures["unchanged"].push_back(seconds_of([&] { seen = sum(read(reader)); }));
        move_files(*one);
        let_stamps_settle();
        figures["moved"].push_back(seconds_of([&] { seen = sum(read(reader)); }));
        if (seen != files) die("after the move the reader counts " + std::to_string(seen));
        let_stamps_settle();
    }
    print(figures, files);
}
