// SPDX-License-Identifier: MIT
#include "ceymail/collect/place_guard.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "ceymail/util/file.hpp"

namespace ceymail::collect {

namespace {

namespace fs = std::filesystem;

bool is_at_or_below(const std::string& path, const std::string& point) {
    return path == point || path.starts_with(point + "/");
}

class PlaceGuard final : public Collector {
public:
    PlaceGuard(std::unique_ptr<Collector> collector, std::vector<fs::path> paths, fs::path mountinfo)
        : m_collector(std::move(collector)), m_paths(std::move(paths)), m_mountinfo(std::move(mountinfo)) {}

    [[nodiscard]] std::string_view name() const noexcept override { return m_collector->name(); }
    void prepare() override {
        m_before = mounts();
        m_collector->prepare();
    }
    [[nodiscard]] bool depends_on_database() const noexcept override { return m_collector->depends_on_database(); }
    [[nodiscard]] std::chrono::nanoseconds extra_cpu_time() const noexcept override {
        return m_collector->extra_cpu_time();
    }

    [[nodiscard]] util::Result<Families> collect(util::BootTime deadline) override {
        const auto point = m_before.empty() ? std::nullopt : moved(m_before, mounts());
        if (!point) return m_collector->collect(deadline);
        return util::fail(util::ErrorKind::conflict,
                          *point +
                              " was moved or removed while the service ran, which sees what it was; systemctl "
                              "restart ceymail-metrics");
    }

private:
    [[nodiscard]] std::vector<ShownMount> mounts() const {
        std::vector<ShownMount> all;
        const auto text = util::read_file(m_mountinfo);
        for (const auto& path : m_paths)
            std::ranges::move(mounts_above(text.value_or(""), path), std::back_inserter(all));
        return all;
    }

    std::unique_ptr<Collector> m_collector;
    std::vector<fs::path> m_paths;
    fs::path m_mountinfo;
    std::vector<ShownMount> m_before;
};

}  // namespace

// ID PARENT MAJOR:MINOR ROOT POINT ...; a space in a name is \040, which compares equal in both readings.
std::vector<ShownMount> mounts_above(std::string_view mountinfo, const fs::path& path) {
    std::vector<ShownMount> above;
    std::istringstream lines{std::string(mountinfo)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string parent, device;
        ShownMount mount;
        if (words >> mount.id >> parent >> device >> mount.root >> mount.point && mount.point != "/" &&
            is_at_or_below(path.string(), mount.point))
            above.push_back(std::move(mount));
    }
    return above;
}

std::optional<std::string> moved(const std::vector<ShownMount>& before, const std::vector<ShownMount>& now) {
    for (const auto& mount : before) {
        const auto same = std::ranges::find_if(
            now, [&](const ShownMount& one) { return one.id == mount.id && one.point == mount.point; });
        if (same != now.end() && same->root != mount.root) return mount.point;
    }
    return std::nullopt;
}

std::unique_ptr<Collector> only_in_place(std::unique_ptr<Collector> collector, std::vector<fs::path> paths,
                                         fs::path mountinfo) {
    return std::make_unique<PlaceGuard>(std::move(collector), std::move(paths), std::move(mountinfo));
}

}  // namespace ceymail::collect
