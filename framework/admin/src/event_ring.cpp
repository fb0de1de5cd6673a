#include "event_ring.hpp"

#include <charconv>

namespace baton::admin {

std::string event_ring::frame(std::string_view event, std::string_view data, std::uint64_t number) const {
  std::string out = "id: " + boot_ + "-" + std::to_string(number) + "\nevent: ";
  out.append(event).append("\n");
  for (;;) {
    const auto end = data.find('\n');
    out.append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + 1);
  }
  return out + "\n";
}

void event_ring::push(std::string_view event, std::string_view data) {
  frames_.push_back(frame(event, data, next_));
  ++next_;
  if (frames_.size() > capacity_) frames_.pop_front();
}

const std::string* event_ring::at(std::uint64_t number) const noexcept {
  return number < oldest() || number >= next_ ? nullptr : &frames_[number - oldest()];
}

std::optional<std::uint64_t> event_ring::after(std::string_view id) const noexcept {
  if (!id.starts_with(boot_) || id.size() <= boot_.size() + 1 || id[boot_.size()] != '-') return std::nullopt;
  const auto digits = id.substr(boot_.size() + 1);
  std::uint64_t seen = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seen);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  if (seen >= next_ || seen + 1 < oldest()) return std::nullopt;
  return seen + 1;
}

}  // namespace baton::admin
