// SPDX-License-Identifier: MIT
// Corrupt, short, foreign and older segments, a full file system: a clean refusal or one logged fresh start.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <random>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ceymail/shared/segment.hpp"
#include "support/forked_child.hpp"
#include "support/temporary_directory.hpp"
#include "torture/guarantees.hpp"

namespace ceymail::testing {
namespace {

using namespace std::chrono_literals;
using admission::Admission;
using shared::Segment;
using shared::SegmentLayout;

constexpr admission::AddressKey k_key{.network = 0x01020304, .family = admission::AddressFamily::ipv4};

// How a process that attaches comes out of it; beyond these it died or was served more than 12.
enum Outcome { found_spent, found_other, fresh, refused, too_many };

Outcome use(Segment& segment) {
    admission::RateTable table(segment.layout().rate, 60s, util::BootClock::now);
    std::size_t admitted = 0;
    while (admitted <= admission::k_admissions && table.admit(k_key).admission == Admission::admitted) ++admitted;
    if (admitted > admission::k_admissions) return too_many;
    if (segment.origin() != shared::SegmentOrigin::found) return admitted == admission::k_admissions ? fresh : too_many;
    return admitted == 0 ? found_spent : found_other;
}

class Damages {
public:
    explicit Damages(Proof& proof) : m_proof(proof) {
        expect({found_spent, fresh}, "making the first one", false);
        m_pristine = slurp(m_file);
    }

    void every_bit_of_the_header() {
        for (std::size_t bit = 0; bit < 8 * sizeof(shared::SegmentHeader); ++bit) {
            write(flipped(bit));
            expect({fresh}, "header bit " + std::to_string(bit));
        }
        m_proof.tell(8 * sizeof(shared::SegmentHeader), "header bits");
    }

    void lengths(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto length = i < 80 ? i : m_random() % (2 * sizeof(SegmentLayout));
            auto bytes = m_pristine;
            bytes.resize(length);
            write(bytes);
            expect({fresh}, std::to_string(length) + " bytes");
        }
        m_proof.tell(count, "lengths");
    }

    void modes(std::size_t step) {
        std::size_t count = 0;
        for (mode_t mode = 0; mode < 07777; mode += static_cast<mode_t>(step)) {
            if (mode == 0600) continue;
            write(m_pristine);
            if (::chmod(m_file.c_str(), mode) != 0) continue;
            expect({fresh}, "mode " + std::to_string(mode));
            ++count;
        }
        m_proof.tell(count, "modes");
    }

    // Bytes that no check can tell from a table that was used: the limiter may forget then, but no more.
    void contents(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            auto bytes = m_pristine;
            const auto changes = 1 + m_random() % 4096;
            for (std::size_t n = 0; n < changes; ++n) {
                const auto at =
                    sizeof(shared::SegmentHeader) + m_random() % (bytes.size() - sizeof(shared::SegmentHeader));
                bytes[at] = static_cast<char>(m_random());
            }
            write(bytes);
            expect({found_spent, found_other, fresh}, "random contents " + std::to_string(i), false);
        }
        m_proof.tell(count, "random contents");
    }

    void strangers() {
        const auto elsewhere = m_directory.write("elsewhere", "precious");
        const std::function<bool()> makers[] = {
            [&] { return std::filesystem::create_symlink(elsewhere, m_file), true; },
            [&] { return std::filesystem::create_symlink("/dev/zero", m_file), true; },
            [&] { return std::filesystem::create_directory(m_file); },
            [&] { return ::mkfifo(m_file.c_str(), 0600) == 0; },
            [&] { return write(m_pristine), ::chown(m_file.c_str(), 65534, 65534) == 0; },
        };
        for (const auto& make : makers) {
            std::filesystem::remove(m_file);
            m_proof.hold(make(), "a stranger cannot be made");
            expect({refused}, "a symlink, directory, fifo or another's file", false);
        }
        std::filesystem::remove(m_file);
        m_proof.hold(slurp(elsewhere) == "precious", "something was written behind a symlink");
        m_proof.tell(std::size(makers), "strangers");
    }

    // With less room than a segment takes: in a mount namespace that goes with the child.
    void full_file_systems(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto size = "mode=0755,size=" + std::to_string(4096 + i * sizeof(SegmentLayout) / count);
            const auto code = in_a_child([&] {
                if (::unshare(CLONE_NEWNS) != 0 ||
                    ::mount("none", m_directory.path().c_str(), "tmpfs", 0, size.c_str()) != 0)
                    return 77;
                return static_cast<int>(attach());
            });
            m_proof.hold(code == refused, "on a full tmpfs: ended with " + std::to_string(code));
        }
        m_proof.tell(count, "full file systems");
    }

private:
    [[nodiscard]] std::string flipped(std::size_t bit) const {
        auto bytes = m_pristine;
        bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
        return bytes;
    }
    void write(const std::string& bytes) const {
        std::filesystem::remove(m_file);
        m_directory.write("segment", bytes, std::filesystem::perms{0600});
    }

    [[nodiscard]] Outcome attach() const {
        auto segment = Segment::attach(m_directory.path());
        return segment ? use(*segment) : refused;
    }

    int in_a_child(const std::function<int()>& body) const {
        return ForkedChild([&] {
                   const util::Fd log(::open(m_log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
                   ::dup2(log.get(), STDERR_FILENO);
                   return body();
               })
            .wait();
    }

    void expect(std::initializer_list<int> wanted, const std::string& what, bool one_line = true) {
        const int code = in_a_child([this] { return static_cast<int>(attach()); });
        m_proof.hold(std::ranges::count(wanted, code) == 1, what + ": ended with " + std::to_string(code));
        if (one_line) m_proof.hold(std::ranges::count(slurp(m_log), '\n') == 1, what + ": not one line in the log");
    }

    Proof& m_proof;
    TemporaryDirectory m_directory;
    TemporaryDirectory m_log_directory;
    std::filesystem::path m_file = m_directory / "segment";
    std::filesystem::path m_log = m_log_directory / "log";
    std::string m_pristine;
    std::mt19937_64 m_random{4};
};

}  // namespace

void no_segment_is_trusted_unseen(Proof& proof) {
    Damages damages(proof);
    damages.every_bit_of_the_header();
    damages.lengths(proof.rounds(1000, 100));
    damages.modes(proof.rounds(1, 301));
    damages.contents(proof.rounds(1000, 20));
    damages.strangers();
    damages.full_file_systems(proof.rounds(50, 5));
}

}  // namespace ceymail::testing
