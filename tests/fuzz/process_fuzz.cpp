// SPDX-License-Identifier: MIT
// Recognition of one process. The input, separated by line feeds: its stat, its executable, its owner, the name of a
// service, and its arguments.
// fuzz: -max_len=512
#include <charconv>
#include <string>

#include "ceymail/collect/process_table.hpp"
#include "fuzz/fuzz.hpp"

using ceymail::collect::is_program;
using ceymail::collect::parse_master_pid;
using ceymail::collect::parse_stat;
using ceymail::fuzz::cut;
using ceymail::fuzz::require;

namespace {

void check_program(ceymail::collect::Process process, std::string_view name) {
    const bool program = is_program(process, name);
    const bool system_user = process.owner < 1000 || process.owner == 65534;
    if (program) {
        require(!process.is_kernel_thread && process.state != 'Z' && process.state != 'X', "the dead serve nothing");
        require(!name.empty(), "a program has a name");
        require(!process.executable || process.executable->starts_with("/usr/"), "its executable is the system's");
        require(process.executable || system_user, "a user's own word is not believed");
    }
    // The same process of another user: its own arguments do not count.
    if (!process.executable) {
        process.owner = 1000;
        require(!is_program(process, name), "a user's own word is not believed");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = ceymail::fuzz::text_of(data, size);
    const auto [stat, behind_stat] = cut(text, '\n');
    const auto [executable, behind_executable] = cut(behind_stat, '\n');
    const auto [owner, behind_owner] = cut(behind_executable, '\n');
    const auto [name, arguments] = cut(behind_owner, '\n');

    const auto pid = parse_master_pid(text);
    require(!pid || *pid > 0, "a pid is positive: kill(2) and /proc take others for something else");

    auto process = parse_stat(stat);
    if (!process) return 0;
    require(stat.contains('(' + process->command + ')'), "the command is what stands in brackets");
    if (!executable.empty()) process->executable = executable;
    std::from_chars(owner.data(), owner.data() + owner.size(), process->owner);
    process->arguments = arguments;
    check_program(*process, name);
    return 0;
}
