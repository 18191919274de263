// SPDX-License-Identifier: MIT
#include "ceymail/journal/files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "ceymail/util/directory.hpp"

namespace ceymail::journal {
namespace {

constexpr std::size_t k_id_length = 32;

// Also those that journald found damaged: their names end with ~.
bool is_of_system(std::string_view name) noexcept {
    return (name.starts_with("system.") || name.starts_with("system@")) &&
           (name.ends_with(".journal") || name.ends_with(".journal~"));
}

bool is_id(std::string_view name) noexcept {
    return name.size() == k_id_length && name.find_first_not_of("0123456789abcdef") == name.npos;
}

template <class Take>
void for_each_name(const std::string& path, Take take) {
    auto directory = util::Directory::open(path);
    if (!directory) return;
    for (auto name = directory->next(); name && !name->empty(); name = directory->next()) take(*name);
}

void add_files(const std::string& path, std::vector<std::string>& files) {
    for_each_name(path, [&](std::string_view name) {
        if (is_of_system(name)) files.push_back(path + "/" + std::string(name));
    });
}

// Returns: empty where this host has none.
std::string machine_id() {
    sd_id128_t id{};
    std::array<char, k_id_length + 1> text{};
    return ::sd_id128_get_machine(&id) < 0 ? std::string() : ::sd_id128_to_string(id, text.data());
}

}  // namespace

std::vector<std::string> list_files(const std::string& directory) {
    std::vector<std::string> files;
    if (directory.empty()) {
        const auto id = machine_id();
        for (const std::string root : {"/var/log/journal/", "/run/log/journal/"}) add_files(root + id, files);
    } else {
        add_files(directory, files);
        for_each_name(directory, [&](std::string_view name) {
            if (is_id(name)) add_files(directory + "/" + std::string(name), files);
        });
    }
    std::ranges::sort(files);
    return files;
}

bool is_archived(std::string_view path) noexcept { return path.substr(path.rfind('/') + 1).starts_with("system@"); }

int open_files(const std::vector<std::string>& paths, sd_journal*& opened) {
    if (paths.empty()) return -ENODATA;
    std::vector<const char*> names;
    for (const auto& path : paths) names.push_back(path.c_str());
    names.push_back(nullptr);
    return ::sd_journal_open_files(&opened, names.data(), 0);
}

bool can_open(const std::string& path) {
    sd_journal* opened = nullptr;
    const bool is_open = open_files({path}, opened) >= 0;
    ::sd_journal_close(opened);
    return is_open;
}

}  // namespace ceymail::journal
