#pragma once

#include <set>
#include <string>
#include <vector>

#include "baton/lock/lease.hpp"
#include "baton/lock/session.hpp"

namespace baton::lock {

struct lost_lease {
  std::string name;
  loss reason{};
  friend bool operator==(const lost_lease&, const lost_lease&) = default;
};

/// The leases of one lock session: which names it holds, until when that is certain, and when and why it ends. Pure; each loss is told
/// once.
///
/// A lease is certain until lease_timing::deadline() of the last proof. A proof is a good probe; before the first one, the statement that
/// opened the session, which no grant can have left before.
class lease_book {
 public:
  lease_book(const lease_timing& timing, server_identity server, boot_time opened_sent)
      : timing_(timing), server_(std::move(server)), proof_(opened_sent), probe_at_(opened_sent + timing.probe) {}

  void granted(const std::string& name) { names_.insert(name); }
  void given_back(const std::string& name) { names_.erase(name); }
  [[nodiscard]] bool holds(const std::string& name) const { return names_.contains(name); }
  [[nodiscard]] const std::set<std::string>& names() const noexcept { return names_; }

  [[nodiscard]] boot_time deadline() const noexcept { return timing_.deadline(proof_); }
  [[nodiscard]] boot_time probe_at() const noexcept { return probe_at_; }
  [[nodiscard]] bool is_condemned() const noexcept { return is_condemned_; }

  /// A probe that was sent at `sent` has been answered: what it shows to be lost.
  [[nodiscard]] std::vector<lost_lease> probed(boot_time sent, const probe_reply& reply);
  /// Everything is lost, now and for all that might be granted yet.
  [[nodiscard]] std::vector<lost_lease> condemn(loss reason);
  /// Everything is lost if the deadline has passed.
  [[nodiscard]] std::vector<lost_lease> expire(boot_time now);

 private:
  lease_timing timing_;
  server_identity server_;
  boot_time proof_;
  boot_time probe_at_;
  std::set<std::string> names_;
  bool is_condemned_ = false;
};

}  // namespace baton::lock
