#include "baton/lock/election.hpp"

#include <algorithm>

namespace baton::lock {
namespace {

/// splitmix64: enough to spread candidates.
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  auto z = state;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

election::actions election::candidacy() {
  state_ = state::candidate;
  wake_.reset();
  return {tell_candidate{}, acquire{}};
}

/// Decorrelated jitter: from the shortest pause to three times the last one.
election::actions election::go_away(microseconds at_least, boot_time now) {
  if (is_stopping_) {
    state_ = state::idle;
    wake_.reset();
    return {};
  }
  const auto most = std::min(std::max(last_return_, options_.shortest_return) * 3, options_.longest_return);
  const auto width = static_cast<std::uint64_t>((most - options_.shortest_return).count()) + 1;
  last_return_ = options_.shortest_return + microseconds{next_random(random_) % width};
  state_ = state::away;
  wake_ = now + at_least + last_return_;
  return {};
}

election::actions election::start(boot_time /*now*/) {
  if (state_ != state::idle) return {};
  is_stopping_ = false;
  return candidacy();
}

election::actions election::granted(std::uint64_t epoch, bool was_given_back, boot_time now) {
  epoch_ = epoch;
  if (is_stopping_) {
    state_ = state::draining;
    return {give_back{}};
  }
  last_return_ = {};
  if (was_given_back) {
    state_ = state::leader;
    wake_.reset();
    return {tell_elected{epoch_}};
  }
  state_ = state::settling;
  wake_ = now + (options_.takeover == takeover::safe ? options_.timing.living_owner_wait() : options_.timing.dead_owner_wait());
  return {};
}

election::actions election::not_granted(boot_time now) { return state_ == state::candidate ? go_away({}, now) : actions{}; }

election::actions election::lost(loss reason, boot_time now) {
  if (state_ == state::settling) return go_away({}, now);
  if (state_ != state::leader)
    return {};  // a lock that is lost while it is given back needs no giving back; given_back() comes all the same
  auto left = go_away({}, now);
  left.insert(left.begin(), tell_deposed{epoch_, reason});
  return left;
}

election::actions election::given_back(boot_time now) { return state_ == state::draining ? go_away(pause_, now) : actions{}; }

election::actions election::resign(microseconds pause, boot_time /*now*/) {
  if (state_ != state::leader && state_ != state::settling) return {};
  const bool led = state_ == state::leader;
  state_ = state::draining;
  pause_ = pause;
  wake_.reset();
  if (!led) return {give_back{}};
  return {tell_deposed{epoch_, std::nullopt}, give_back{}};
}

election::actions election::stop(boot_time now) {
  is_stopping_ = true;
  if (state_ == state::candidate) return {cancel_acquire{}};
  if (state_ == state::away) return go_away({}, now);
  return resign({}, now);
}

election::actions election::advance(boot_time now) {
  if (!wake_ || now < *wake_) return {};
  if (state_ == state::away) return candidacy();
  if (state_ != state::settling) return {};
  state_ = state::leader;
  wake_.reset();
  return {tell_elected{epoch_}};
}

}  // namespace baton::lock
