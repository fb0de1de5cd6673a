#include "tzdata_watch.hpp"

#include <utility>

#include "baton/schedule/zone.hpp"

namespace baton::program {
namespace {
constexpr microseconds horizon = std::chrono::years{10};  // beyond it, the next update will have come
}

tzdata_watch::tzdata_watch(const std::vector<runtime::job>& jobs) : version_(schedule::tzdata_version()), seen_(version_) {
  for (const auto& j : jobs) {
    if (!j.schedule) continue;
    for (const auto* zone : {&j.schedule->time_zone(), &j.schedule->calendar_zone()}) {
      auto& users = zones_.try_emplace(zone->name(), zone_in_use{*zone, {}}).first->second.jobs;
      if (users.empty() || users.back() != j.name) users.push_back(j.name);
    }
  }
}

std::optional<tzdata_watch::finding> tzdata_watch::look(wall_time now) {
  auto version = schedule::tzdata_version();
  if (version == seen_) return std::nullopt;
  if (std::exchange(pending_, version) != version) return std::nullopt;  // it may be being unpacked right now
  seen_ = version;
  ++generation_;
  finding found{std::move(version), {}};
  for (const auto& [name, zone] : zones_) {
    const auto fresh = schedule::zone::find(name, generation_);
    const auto* as_installed = std::get_if<schedule::zone>(&fresh);
    const auto from =
        as_installed == nullptr ? std::optional{now} : schedule::zone::first_difference(zone.as_read, *as_installed, now, now + horizon);
    if (from) found.moved.push_back({name, *from, zone.jobs});
  }
  return found;
}

}  // namespace baton::program
