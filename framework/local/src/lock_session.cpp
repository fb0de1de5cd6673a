#include "lock_session.hpp"

#include <unistd.h>

#include <random>

namespace baton::local {

using lock::release_outcome;
using lock::try_outcome;

std::uint64_t new_session_id() {
  std::random_device source;
  std::uint64_t id = 0;
  while (id == 0) id = ((std::uint64_t{source()} << 32U) | source()) >> 1U;
  return id;
}

lock_session::lock_session(std::shared_ptr<const directory> where, lock::server_identity identity)
    : where_(std::move(where)),
      identity_(std::move(identity)),
      database_(where_->database_identity()),
      id_(new_session_id()),
      owner_(::getpid()) {}

/// What would make every lock of this session one that the others cannot see is its end.
status lock_session::usable() const {
  if (is_interrupted_) return failure{errc::store_unavailable, where_->path().string() + ": the lock session was interrupted"};
  if (::getpid() != owner_)
    return failure{errc::wrong_process,
                   where_->path().string() + ": the session belongs to the process that forked this one; open one here"};
  if (auto there = where_->still_in_place(); !there) return there;
  if (where_->database_identity() == database_) return {};
  return failure{errc::store_unavailable, where_->database().string() + " was removed or replaced while it was in use; it is opened anew"};
}

bool lock_session::holds(const std::string& name) const {
  const auto it = held_.find(name);
  return it != held_.end() && it->second->is_in_place();
}

result<std::vector<try_outcome>> lock_session::try_acquire(std::span<const std::string> names) {
  if (auto fit = usable(); !fit) return std::move(fit).error();
  std::vector<try_outcome> outcomes;
  for (const auto& name : names) {
    if (holds(name)) {
      outcomes.push_back(try_outcome::acquired);
      continue;
    }
    auto taken = lock_file::try_take(where_, name, id_);
    if (!taken) return std::move(taken).error();
    outcomes.push_back(*taken ? try_outcome::acquired : try_outcome::busy);
    if (*taken) held_[name] = std::move(*taken);
  }
  return outcomes;
}

result<std::vector<bool>> lock_session::owned(std::span<const std::string> names) {
  if (auto fit = usable(); !fit) return std::move(fit).error();
  std::vector<bool> answers;
  for (const auto& name : names) answers.push_back(holds(name));
  return answers;
}

result<lock::probe_reply> lock_session::probe(std::span<const std::string> names) {
  if (auto fit = usable(); !fit) return std::move(fit).error();
  lock::probe_reply reply;
  reply.writable = where_->is_writable();
  reply.identity = identity_;
  for (const auto& name : names) {
    if (!holds(name)) reply.lost.push_back(name);
  }
  return reply;
}

result<std::vector<release_outcome>> lock_session::release(std::span<const std::string> names) {
  if (auto fit = usable(); !fit) return std::move(fit).error();
  std::vector<release_outcome> outcomes;
  for (const auto& name : names) {
    outcomes.push_back(holds(name) ? release_outcome::released : release_outcome::not_held);
    held_.erase(name);
  }
  return outcomes;
}

}  // namespace baton::local
