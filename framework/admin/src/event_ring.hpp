#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace baton::admin {

/// The newest events, as a stream of server-sent events has them, numbered from 1. Who fell behind learns it by nullptr.
class event_ring {
 public:
  /// `boot` tells this process's numbers from another's.
  explicit event_ring(std::string boot, std::size_t capacity = 1000) : boot_(std::move(boot)), capacity_(capacity) {}

  void push(std::string_view event, std::string_view data);
  /// The number that the next event will have.
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  /// "id: …", "event: …", "data: …" and the empty line; nullptr: it is not there any more, or not yet.
  [[nodiscard]] const std::string* at(std::uint64_t number) const noexcept;
  /// Where somebody goes on who has seen `id` last; nullopt: what followed is not all there.
  [[nodiscard]] std::optional<std::uint64_t> after(std::string_view id) const noexcept;
  /// An event of one's own, which says that all before `number` has been seen.
  [[nodiscard]] std::string frame(std::string_view event, std::string_view data, std::uint64_t number) const;

 private:
  [[nodiscard]] std::uint64_t oldest() const noexcept { return next_ - frames_.size(); }

  std::string boot_;
  std::size_t capacity_;
  std::uint64_t next_ = 1;
  std::deque<std::string> frames_;
};

}  // namespace baton::admin
