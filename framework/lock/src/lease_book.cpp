#include "baton/lock/lease_book.hpp"

#include <utility>

namespace baton::lock {

std::vector<lost_lease> lease_book::probed(boot_time sent, const probe_reply& reply) {
  if (!reply.writable) return condemn(loss::not_primary);
  if (!reply.quorum) return condemn(loss::no_quorum);
  if (reply.identity != server_) return condemn(loss::server_changed);
  if (is_condemned_) return {};
  proof_ = sent;
  probe_at_ = sent + timing_.probe;
  std::vector<lost_lease> lost;
  for (const auto& name : reply.lost) {
    if (names_.erase(name) > 0) lost.push_back({name, loss::released_elsewhere});
  }
  return lost;
}

std::vector<lost_lease> lease_book::condemn(loss reason) {
  is_condemned_ = true;
  std::vector<lost_lease> lost;
  for (const auto& name : std::exchange(names_, {})) lost.push_back({name, reason});
  return lost;
}

std::vector<lost_lease> lease_book::expire(boot_time now) {
  if (is_condemned_ || now < deadline()) return {};
  return condemn(loss::deadline);
}

}  // namespace baton::lock
