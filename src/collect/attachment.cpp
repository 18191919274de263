// SPDX-License-Identifier: MIT
#include "ceymail/collect/attachment.hpp"

#include <utility>

#include "ceymail/collect/fields.hpp"
#include "ceymail/util/file.hpp"

namespace ceymail::collect {
namespace {

constexpr std::size_t k_most_bytes = 64;
constexpr std::uint64_t k_most_seconds = 1ULL << 40;

std::unexpected<util::Error> unusable(const std::string& cause) {
    return util::fail(util::ErrorKind::invalid, "cannot tell whether the site is attached: " + cause);
}

}  // namespace

util::Result<AttachmentState> parse_attachment(std::string_view text) {
    const auto malformed = [] { return unusable("its state file is malformed; run ceymail-attach again"); };
    if (!text.ends_with('\n')) return malformed();
    text.remove_suffix(1);
    const auto attached = take_field(text);
    const auto seconds = parse_unsigned(take_field(text));
    if ((attached != "0" && attached != "1") || !seconds || *seconds > k_most_seconds || !text.empty())
        return malformed();
    return AttachmentState{attached == "1", std::chrono::seconds(*seconds)};
}

AttachmentCollector::AttachmentCollector(std::filesystem::path state, util::ClockFunction now)
    : m_state(std::move(state)), m_now(now) {}

util::Result<Families> AttachmentCollector::collect(util::BootTime) {
    m_is_detached = false;
    const auto text = util::read_file(m_state, k_most_bytes);
    if (!text && text.error().kind == util::ErrorKind::not_found) return Families{};
    if (!text) return std::unexpected(text.error());
    CEYMAIL_TRY_ASSIGN(const auto state, parse_attachment(*text));
    const auto age = m_now().time_since_epoch() - state.judged_at;
    if (age < -std::chrono::seconds(1) || age > k_attachment_valid)
        return unusable("its state is " +
                        std::to_string(std::chrono::duration_cast<std::chrono::minutes>(age).count()) +
                        " minutes old; run systemctl status ceymail-attach.timer ceymail-attach.service");
    m_is_detached = !state.attached;
    return Families{single("ceymail_attached", "Whether the dashboard's site file includes the endpoint.",
                           exposition::MetricType::gauge, std::uint64_t{state.attached ? 1U : 0U})};
}

// A site without the endpoint is no fault of the collector, which reports it as 0.
std::vector<Finding> AttachmentCollector::findings() const {
    if (!m_is_detached) return {};
    return {{Finding::Level::bad, "attachment",
             "ceymail_attached is 0: the dashboard's site does not include the endpoint; ceymail-attach --check names "
             "the file and the cause, and sudo ceymail-attach attaches it again"}};
}

}  // namespace ceymail::collect
