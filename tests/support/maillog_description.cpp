// SPDX-License-Identifier: MIT
#include "support/maillog_description.hpp"

namespace ceymail::testing {
namespace {

using namespace maillog;

class Words {
public:
    void add(const std::string& name, std::uint64_t value) {
        if (value == 0) return;
        m_text += (m_text.empty() ? "" : "; ") + name;
        if (value > 1) m_text += " " + std::to_string(value);
    }

    template <class E>
    void add(const std::string& name, const Table<E>& table) {
        for (std::size_t i = 0; i < k_count<E>; ++i) add(name + " " + std::string(k_names<E>[i]), table.values[i]);
    }

    template <class E, class F>
    void add(const std::string& name, const Table<E, F>& table) {
        for (std::size_t i = 0; i < table.values.size(); ++i)
            add(name + " " + std::string(k_names<E>[i / k_count<F>]) + " " + std::string(k_names<F>[i % k_count<F>]),
                table.values[i]);
    }

    [[nodiscard]] const std::string& text() const { return m_text; }

private:
    std::string m_text;
};

}  // namespace

std::string describe(const Counters& counters) {
    Words words;
    words.add("unparsed", counters.unparsed);
    words.add("received", counters.received);
    words.add("recipients", counters.recipients);
    words.add("expired", counters.expired);
    words.add("failures", counters.failures);
    words.add("rejects", counters.rejects);
    words.add("milter errors", counters.milter_errors);
    words.add("warnings", counters.warnings);
    words.add("authentications", counters.authentications);
    words.add("verdicts", counters.spam_verdicts);
    words.add("tls", counters.tls);
    for (const auto& jail : counters.bans.jails()) words.add("bans " + std::string(BanTable::name_of(jail)), jail.bans);
    words.add("bans of others", counters.bans.others());
    return words.text();
}

}  // namespace ceymail::testing
