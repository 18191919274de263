// SPDX-License-Identifier: MIT
// TemporaryDirectory: mkdtemp(3) with a destructor.
#include "support/temporary_directory.hpp"

#include <fstream>
#include <sstream>
#include <system_error>

#include <stdlib.h>
#include <sys/stat.h>

namespace ceymail::testing {

TemporaryDirectory::TemporaryDirectory() {
    std::string name = std::filesystem::temp_directory_path() / "ceymail-test-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr || ::chmod(name.c_str(), 0755) != 0)
        throw std::system_error(errno, std::generic_category(), name);
    m_path = name;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(m_path, ignored);
}

std::filesystem::path TemporaryDirectory::write(const std::filesystem::path& name, std::string_view text,
                                                std::filesystem::perms mode) const {
    const auto file = m_path / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary | std::ios::trunc);
    stream << text << std::flush;
    if (!stream) throw std::system_error(errno, std::generic_category(), file);
    std::filesystem::permissions(file, mode);
    return file;
}

std::string slurp(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) throw std::system_error(errno, std::generic_category(), file);
    return std::move(text).str();
}

}  // namespace ceymail::testing
