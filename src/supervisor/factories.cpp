// SPDX-License-Identifier: MIT
#include "ceymail/supervisor/factories.hpp"

#include <chrono>
#include <functional>
#include <string_view>
#include <utility>

#include "ceymail/collect/accounts_collector.hpp"
#include "ceymail/collect/attachment.hpp"
#include "ceymail/collect/backups.hpp"
#include "ceymail/collect/certificates_collector.hpp"
#include "ceymail/collect/disk.hpp"
#include "ceymail/collect/galera_collector.hpp"
#include "ceymail/collect/memory.hpp"
#include "ceymail/collect/place_guard.hpp"
#include "ceymail/collect/queue.hpp"
#include "ceymail/collect/services_collector.hpp"
#include "ceymail/database/account_counter.hpp"
#include "ceymail/maillog/metrics.hpp"
#include "ceymail/maillog/reader_client.hpp"
#include "ceymail/system/privileges.hpp"

namespace ceymail::supervisor {

namespace {

using config::Configuration;

// How long the gatherer waits for MariaDB when it starts.
constexpr auto k_prepare_timeout = std::chrono::milliseconds(100);

// A collector that is one function. The processors' tally keeps its state outside.
class FunctionCollector final : public collect::Collector {
public:
    using Read = std::function<util::Result<collect::Families>()>;

    FunctionCollector(std::string_view name, Read read) : m_name(name), m_read(std::move(read)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return m_name; }
    [[nodiscard]] util::Result<collect::Families> collect(util::BootTime) override { return m_read(); }

private:
    std::string_view m_name;
    Read m_read;
};

// The rooms collect and database do not include each other, so this connects them.
std::unique_ptr<collect::Collector> accounts_collector(const Configuration& configuration) {
    auto counter =
        std::make_shared<database::AccountCounter>(database_address(configuration), configuration.database_mail);
    const auto count = [counter](util::BootTime deadline) -> util::Result<collect::AccountCounts> {
        CEYMAIL_TRY_ASSIGN(const auto counted, counter->count(deadline));
        return collect::AccountCounts{counted.domains, counted.mailboxes, counted.aliases};
    };
    const auto prepare = [counter] { counter->prepare(util::BootClock::now() + k_prepare_timeout); };
    return std::make_unique<collect::AccountsCollector>(count, prepare);
}

std::unique_ptr<collect::Collector> galera_collector(const Configuration& configuration) {
    auto reader = std::make_shared<database::GaleraNodeReader>(galera_node_reader(configuration));
    const auto read = [reader](util::BootTime deadline) -> util::Result<std::optional<collect::GaleraState>> {
        CEYMAIL_TRY_ASSIGN(const auto node, reader->read(deadline));
        if (!node) return std::nullopt;
        return collect::GaleraState{node->ready, node->primary, node->state, node->cluster_size, node->cluster};
    };
    return std::make_unique<collect::GaleraCollector>(read);
}

maillog::LogPaths log_paths(const Configuration& configuration) {
    using config::MailLogSource;
    maillog::LogPaths paths{.mail = configuration.mail_log, .fail2ban = configuration.fail2ban_log};
    const auto source = config::mail_log_source(configuration);
    if (source == MailLogSource::file_or_journal) paths.journal = maillog::JournalUse::without_file;
    if (source == MailLogSource::journal) {
        paths.mail.clear();
        paths.journal = maillog::JournalUse::always;
    }
    return paths;
}

exposition::MetricFamily unread_of_file(const maillog::Reading& reading) {
    return exposition::single(
        "ceymail_mail_log_unread_bytes",
        "Bytes of the mail log that are not read yet: half a line, or what is left for the next gathering.",
        exposition::MetricType::gauge, reading.unread_bytes[static_cast<std::size_t>(maillog::Log::mail)]);
}

// How many bytes the entries have that are not read yet could only be known by reading them.
exposition::MetricFamily unread_of_journal(const maillog::Reading& reading) {
    constexpr double k_microseconds = 1e6;
    return {"ceymail_mail_log_unread_seconds",
            "Where the mail log is the journal: time from the last entry that was read to the newest one; 0 when all "
            "are read.",
            exposition::MetricType::gauge,
            {{{}, static_cast<double>(reading.journal_behind_us) / k_microseconds}}};
}

// The rooms collect and maillog do not include each other either.
class MailLogCollector : public collect::Collector {
public:
    MailLogCollector(const Configuration& configuration, const MailLogResources& resources)
        : m_reader(resources.gatherer_socket(), resources.readable(), log_paths(configuration)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "mail_log"; }

    // No log yet: no family, and no error, since syslog makes the file with the first line.
    [[nodiscard]] util::Result<collect::Families> collect(util::BootTime deadline) override {
        CEYMAIL_TRY_ASSIGN(const maillog::Reading* const reading, m_reader.read(deadline));
        if (reading == nullptr) return collect::Families{};
        const bool has_journal = reading->journal.state != journal::State::none;
        auto families = maillog::make_families(
            reading->counters, {.fail2ban = m_reader.has_fail2ban(), .journal = has_journal}, util::BootClock::now());
        families.push_back(has_journal ? unread_of_journal(*reading) : unread_of_file(*reading));
        return families;
    }

    [[nodiscard]] std::chrono::nanoseconds extra_cpu_time() const noexcept override {
        return m_reader.reader_cpu_time();
    }

private:
    maillog::ReaderClient m_reader;
};

}  // namespace

std::unique_ptr<collect::Collector> make_mail_log_collector(const Configuration& configuration,
                                                            const MailLogResources& resources) {
    return std::make_unique<MailLogCollector>(configuration, resources);
}

database::Address database_address(const Configuration& configuration) {
    return database::address_of(configuration, configuration.database_user, configuration.database_option_file);
}

database::TokenReader token_reader(const Configuration& configuration) {
    return {database_address(configuration), configuration.database_dashboard};
}

database::GaleraNodeReader galera_node_reader(const Configuration& configuration) {
    return database::GaleraNodeReader(database_address(configuration));
}

scheduler::WorkBudget work_budget(const Configuration& configuration) {
    return {configuration.work_budget_percent / 100.0, configuration.maximum_age};
}

std::vector<std::unique_ptr<collect::Collector>> make_collectors(const Configuration& configuration,
                                                                 collect::CpuTally cpu) {
    std::vector<std::unique_ptr<collect::Collector>> collectors;
    const auto add = [&](std::string_view name, FunctionCollector::Read read) {
        collectors.push_back(std::make_unique<FunctionCollector>(name, std::move(read)));
    };
    const auto& proc = configuration.proc;
    add("cpu", [proc, cpu = std::move(cpu)] { return collect::cpu_families(proc, cpu, util::BootClock::now()); });
    add("memory", [proc] { return collect::memory_families(proc); });
    add("disk", [path = configuration.disk] { return collect::disk_families(path); });
    collectors.push_back(collect::only_in_place(
        std::make_unique<collect::QueueCollector>(
            configuration.queue_directories, collect::QueueReaderOptions{.may_read_all = system::has_dac_read_search}),
        configuration.queue_directories, proc / "self/mountinfo"));
    collectors.push_back(std::make_unique<collect::ServicesCollector>(configuration));
    collectors.push_back(accounts_collector(configuration));
    collectors.push_back(galera_collector(configuration));
    collectors.push_back(std::make_unique<collect::AttachmentCollector>(configuration.attach_state));
    collectors.push_back(std::make_unique<collect::CertificatesCollector>(configuration));
    collectors.push_back(std::make_unique<collect::BackupsCollector>(configuration.backup_directory));
    return collectors;
}

}  // namespace ceymail::supervisor
