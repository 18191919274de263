// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/mail_log_resources.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>

#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ceymail/maillog/reader_client.hpp"
#include "ceymail/shared/segment_directory.hpp"
#include "ceymail/util/log.hpp"

namespace ceymail::supervisor {
namespace {

using shared::SegmentDirectory;
using util::Fd;
using util::MappedMemory;
using util::Result;

constexpr const char* k_name = "mail-log";
constexpr std::uint32_t k_version = 2;  // of the header and KeptReading; its counters have one of their own

// The first bytes of the file. No padding.
struct Header {
    std::array<char, 8> magic{'C', 'E', 'Y', 'M', 'L', 'O', 'G', '\n'};
    std::uint32_t version = k_version;
    std::uint32_t counters_version = maillog::k_counters_version;
    std::uint64_t size = 0;
    std::array<char, 40> boot_id{};  // empty on a tmpfs, which is empty after a boot. Of another boot, the times of the
                                     // sender window are wrong

    friend bool operator==(const Header&, const Header&) = default;
};
static_assert(std::has_unique_object_representations_v<Header>);

struct Layout {
    Header header;
    alignas(4096) maillog::KeptReading kept;  // a page of its own: the roles map nothing else
};
static_assert(std::is_standard_layout_v<Layout>);

Layout& layout_of(const MappedMemory& memory) noexcept {
    return *std::launder(reinterpret_cast<Layout*>(memory.data()));
}

// Returns: whether what an earlier reader left can be used.
bool is_usable(const maillog::KeptReading& kept) {
    const auto reading = std::make_unique<maillog::Reading>();
    return kept.load(*reading) && maillog::is_plausible(*reading);
}

// Requires: no other process has the file mapped.
Result<MappedMemory> prepare(const Fd& file, const SegmentDirectory& directory) {
    CEYMAIL_TRY_ASSIGN(const auto boot_id, directory.boot_id());
    Header header{.size = sizeof(Layout)};
    boot_id.copy(header.boot_id.data(), header.boot_id.size());
    struct stat status{};
    const bool is_new = ::fstat(file.get(), &status) == 0 && status.st_size == 0;
    Header found;
    const bool is_known = status.st_size == sizeof(Layout) &&
                          ::pread(file.get(), &found, sizeof found, 0) == sizeof found && found == header;
    if (!is_known && ::ftruncate(file.get(), 0) != 0)
        return util::fail_errno(errno, "cannot write " + directory.path_of(k_name));
    CEYMAIL_TRY_ASSIGN(auto memory, directory.map(k_name, file, sizeof(Layout)));
    auto& layout = layout_of(memory);
    if (is_known && is_usable(layout.kept)) return memory;
    if (!is_new)
        util::log(util::LogLevel::warning, {"replaced ", directory.path_of(k_name),
                                            ": it is of another version or boot, or damaged; the counters of the mail "
                                            "log begin at 0, and the log is read from its end on"});
    util::SipKey key{};
    if (::getrandom(&key, sizeof key, 0) != sizeof key)
        return util::fail_errno(errno, "cannot get random bytes from the kernel");
    std::fill_n(memory.data(), memory.size(), std::byte{});
    layout.kept.start(key);
    layout.header = header;  // last: a process that ends before leaves no valid file
    return memory;
}

Result<SocketPair> make_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return util::fail_errno(errno, "cannot make the sockets of the log reader");
    return SocketPair{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

const maillog::KeptReading& MailLogResources::readable() const noexcept {
    return *std::launder(reinterpret_cast<const maillog::KeptReading*>(m_readable.data()));
}

maillog::KeptReading& MailLogResources::writable() const noexcept {
    return *std::launder(reinterpret_cast<maillog::KeptReading*>(m_writable.data()));
}

void MailLogResources::keep_for_gatherer() noexcept {
    m_reader.server.reset();
    m_journal = {};
    m_writable = MappedMemory();
}

void MailLogResources::keep_for_reader() noexcept {
    m_reader.client.reset();
    m_journal.server.reset();
    m_readable = MappedMemory();
}

void MailLogResources::keep_for_journal() noexcept {
    m_reader = {};
    m_journal.client.reset();
    m_writable = MappedMemory();
    m_readable = MappedMemory();
}

Result<MailLogResources> MailLogResources::open(const config::Configuration& configuration) {
    MailLogResources resources;
    if (configuration.mail_log.empty() && configuration.fail2ban_log.empty()) return resources;
    CEYMAIL_TRY_ASSIGN(const auto directory, SegmentDirectory::open(configuration.runtime_directory));
    CEYMAIL_TRY_ASSIGN(const auto file, directory.open_file(k_name, SegmentDirectory::Missing::is_created));
    CEYMAIL_TRY_ASSIGN(resources.m_writable, prepare(file, directory));
    CEYMAIL_TRY_ASSIGN(const auto same_file, directory.open_to_read(k_name));
    if (!directory.names(k_name, file.get()))
        return util::fail(util::ErrorKind::conflict,
                          "cannot use " + directory.path_of(k_name) + ": another process replaced it; start again");
    CEYMAIL_TRY_ASSIGN(resources.m_readable,
                       MappedMemory::map(same_file.get(), sizeof(Layout), util::Access::read_only));
    for (auto* const memory : {&resources.m_writable, &resources.m_readable})
        memory->keep_only(offsetof(Layout, kept), sizeof(maillog::KeptReading));
    CEYMAIL_TRY_ASSIGN(resources.m_reader, make_pair());
    const auto source = config::mail_log_source(configuration);
    if (source == config::MailLogSource::file_or_journal || source == config::MailLogSource::journal) {
        CEYMAIL_TRY_ASSIGN(resources.m_journal, make_pair());
    }
    return resources;
}

}  // namespace ceymail::supervisor
