#include "frame.hpp"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <type_traits>

#include "baton/sdk/abi.h"

namespace baton::plugin_host {
namespace {

constexpr std::size_t header_size = sizeof(std::uint32_t);

template <typename T, typename Frame>
concept is = std::same_as<std::remove_const_t<T>, Frame>;

/// Structures within frames.
template <typename T>
concept part = is<T, parameter> || is<T, metric> || is<T, run_metrics::update>;

void fields(auto& go, is<parameter> auto& p) {
  go(p.name), go(p.type), go(p.required), go(p.secret), go(p.fallback), go(p.minimum), go(p.maximum), go(p.choices), go(p.help);
}
void fields(auto& go, is<metric> auto& m) { go(m.name), go(m.help), go(m.kind), go(m.labels), go(m.buckets); }
void fields(auto& go, is<run_metrics::update> auto& u) { go(u.kind), go(u.name), go(u.labels), go(u.value), go(u.buckets); }

/// One list of fields for each frame serves both directions: `go(stream, frame)` writes with a writer and reads with a reader.
class writer {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void operator()(const T& value) {
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof value);
    out_.append(bytes, sizeof bytes);
  }
  void operator()(const std::string& text) {
    (*this)(static_cast<std::uint32_t>(text.size()));
    out_ += text;
  }
  void operator()(const microseconds& d) { (*this)(static_cast<std::int64_t>(d.count())); }
  template <typename Clock>
  void operator()(const std::chrono::time_point<Clock, microseconds>& t) {
    (*this)(t.time_since_epoch());
  }
  template <typename T>
  void operator()(const std::optional<T>& value) {
    (*this)(static_cast<std::uint8_t>(value.has_value()));
    if (value) (*this)(*value);
  }
  void operator()(const store_access& s) {
    (*this)(s.url), (*this)(s.password), (*this)(s.tls_mode), (*this)(s.tls_ca), (*this)(s.lock_name);
  }
  template <typename A, typename B>
  void operator()(const std::pair<A, B>& value) {
    (*this)(value.first);
    (*this)(value.second);
  }
  template <typename T>
  void operator()(const std::vector<T>& list) {
    (*this)(static_cast<std::uint32_t>(list.size()));
    for (const auto& item : list) (*this)(item);
  }
  template <typename T>
  void operator()(const std::map<std::string, T>& map) {
    (*this)(static_cast<std::uint32_t>(map.size()));
    for (const auto& entry : map) (*this)(entry);
  }
  template <typename... T>
  void operator()(const std::variant<T...>& choice) {
    (*this)(static_cast<std::uint8_t>(choice.index()));
    std::visit(*this, choice);
  }
  template <part T>
  void operator()(const T& whole) {
    fields(*this, whole);
  }

  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Once something does not fit, everything reads as empty and is_good() is false.
class reader {
 public:
  explicit reader(std::span<const std::byte> bytes) : rest_{bytes} {}

  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T>
  void operator()(T& value) {
    if (const auto* bytes = take(sizeof value)) std::memcpy(&value, bytes, sizeof value);
  }
  void operator()(bool& value) {
    std::uint8_t byte = 0;
    (*this)(byte);
    value = byte != 0;
  }
  void operator()(std::string& text) {
    std::uint32_t size = 0;
    (*this)(size);
    if (const auto* bytes = take(size)) text.assign(reinterpret_cast<const char*>(bytes), size);
  }
  void operator()(microseconds& d) {
    std::int64_t count = 0;
    (*this)(count);
    d = microseconds{count};
  }
  template <typename Clock>
  void operator()(std::chrono::time_point<Clock, microseconds>& t) {
    microseconds d{};
    (*this)(d);
    t = std::chrono::time_point<Clock, microseconds>{d};
  }
  template <typename T>
  void operator()(std::optional<T>& value) {
    bool is_there = false;
    (*this)(is_there);
    if (is_there) (*this)(value.emplace());
  }
  void operator()(store_access& s) { (*this)(s.url), (*this)(s.password), (*this)(s.tls_mode), (*this)(s.tls_ca), (*this)(s.lock_name); }
  template <typename A, typename B>
  void operator()(std::pair<A, B>& value) {
    (*this)(value.first);
    (*this)(value.second);
  }
  template <typename T>
  void operator()(std::vector<T>& list) {
    // Every item takes a byte at least, and none is made before its bytes are there.
    for (auto count = length(); count > 0 && good_; --count) (*this)(list.emplace_back());
  }
  template <typename T>
  void operator()(std::map<std::string, T>& map) {
    for (auto count = length(); count > 0 && good_; --count) {
      std::pair<std::string, T> entry;
      (*this)(entry);
      map.insert(std::move(entry));
    }
  }
  template <typename... T>
  void operator()(std::variant<T...>& choice) {
    std::uint8_t index = 0;
    (*this)(index);
    good_ = good_ && index < sizeof...(T);
    if (good_) emplace<0>(choice, index);
  }
  template <part T>
  void operator()(T& whole) {
    fields(*this, whole);
  }

  void require(bool condition) { good_ = good_ && condition; }
  [[nodiscard]] bool is_good() const { return good_; }
  [[nodiscard]] bool is_empty() const { return rest_.empty(); }

 private:
  const std::byte* take(std::size_t count) {
    if (!good_ || count > rest_.size()) {
      good_ = false;
      return nullptr;
    }
    const auto* bytes = rest_.data();
    rest_ = rest_.subspan(count);
    return bytes;
  }
  std::uint32_t length() {
    std::uint32_t count = 0;
    (*this)(count);
    good_ = good_ && count <= rest_.size();
    return count;
  }
  template <std::size_t I, typename... T>
  void emplace(std::variant<T...>& choice, std::size_t index) {
    if (index == I) {
      (*this)(choice.template emplace<I>());
    } else if constexpr (I + 1 < sizeof...(T)) {
      emplace<I + 1>(choice, index);
    }
  }

  std::span<const std::byte> rest_;
  bool good_ = true;
};

// The fields of each frame. `go` is a writer with const frames or a reader with mutable ones.
void fields(auto& go, is<request_frame> auto& f) {
  auto& r = f.request;
  go(r.id), go(r.isolation), go(r.plugin_path), go(r.parameters), go(r.cluster), go(r.instance), go(r.job), go(r.trigger), go(r.run_name);
  go(r.tick), go(r.attempt), go(r.fence), go(r.timeout), go(r.grace), go(r.lease_deadline);
  go(r.limits.memory_bytes), go(r.limits.cpu_seconds), go(r.limits.open_files), go(r.store), go(f.deadline), go(f.describe_only),
      go(f.cgroup);
}
void fields(auto& go, is<extend_frame> auto& f) { go(f.lease_deadline); }
void fields(auto& go, is<stop_frame> auto& f) { go(f.order.terminate_after), go(f.order.kill_after); }
void fields(auto&, is<stop_token_frame> auto&) {}
void fields(auto& go, is<spawned_frame> auto& f) { go(f.handler); }
void fields(auto&, is<started_frame> auto&) {}
void fields(auto& go, is<run_log> auto& f) { go(f.level), go(f.message), go(f.fields); }
void fields(auto& go, is<run_progress> auto& f) { go(f.fraction), go(f.text); }
void fields(auto& go, is<run_metrics> auto& f) { go(f.updates); }
void fields(auto& go, is<described_frame> auto& f) {
  auto& p = f.plugin;
  go(p.path), go(p.name), go(p.version), go(p.build_id), go(p.abi_major), go(p.abi_minor), go(p.parameters), go(p.metrics),
      go(p.uses_store);
}
void fields(auto& go, is<ended_frame> auto& f) { go(f.end), go(f.text), go(f.output), go(f.reusable); }

/// What the types alone do not say.
bool is_valid(const request_frame& f) { return f.request.isolation >= isolation::process && f.request.isolation <= isolation::in_process; }
bool is_valid(const spawned_frame& f) { return f.handler > 1; }
bool is_valid(const run_log& f) { return f.level >= BATON_LOG_DEBUG && f.level <= BATON_LOG_ERROR; }
bool is_valid(const run_metrics& f) {
  return std::ranges::all_of(f.updates, [](const auto& u) { return u.kind >= metric_kind::counter && u.kind <= metric_kind::histogram; });
}
bool is_valid(const ended_frame& f) { return f.end >= run_end::success && f.end <= run_end::not_started; }
bool is_valid(const described_frame& f) {
  const auto is_good_parameter = [](const parameter& p) {
    return p.type >= parameter_type::text && p.type <= parameter_type::text_map &&
           (!p.fallback || p.fallback->index() + 1 == static_cast<std::size_t>(p.type));
  };
  const auto is_good_metric = [](const metric& m) { return m.kind >= metric_kind::counter && m.kind <= metric_kind::histogram; };
  return std::ranges::all_of(f.plugin.parameters, is_good_parameter) && std::ranges::all_of(f.plugin.metrics, is_good_metric);
}
bool is_valid(const auto&) { return true; }

template <std::size_t I = 0>
frame make(std::size_t kind) {
  if constexpr (I + 1 < std::variant_size_v<frame>) {
    if (kind != I) return make<I + 1>(kind);
  }
  return frame{std::in_place_index<I>};
}

}  // namespace

static_assert(std::endian::native == std::endian::little);

std::string encode_frame(const frame& f) {
  writer go;
  go(std::uint32_t{0});
  go(static_cast<std::uint8_t>(f.index() + 1));
  std::visit([&](const auto& content) { fields(go, content); }, f);
  auto bytes = go.take();
  const auto size = static_cast<std::uint32_t>(bytes.size() - header_size);
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes;
}

result<std::optional<decoded_frame>> decode_frame(std::span<const std::byte> bytes) {
  if (bytes.size() < header_size) return std::optional<decoded_frame>{};
  std::uint32_t size = 0;
  std::memcpy(&size, bytes.data(), sizeof size);
  if (size == 0 || size > max_frame_size) return failure{errc::io, "a frame of " + std::to_string(size) + " bytes"};
  if (bytes.size() - header_size < size) return std::optional<decoded_frame>{};

  reader go{bytes.subspan(header_size, size)};
  std::uint8_t kind = 0;
  go(kind);
  if (kind == 0 || kind > std::variant_size_v<frame>) return failure{errc::io, "a frame of the unknown kind " + std::to_string(kind)};
  decoded_frame decoded{make(kind - 1U), header_size + size};
  std::visit(
      [&](auto& content) {
        fields(go, content);
        go.require(is_valid(content));
      },
      decoded.content);
  if (!go.is_good() || !go.is_empty()) return failure{errc::io, "a malformed frame of kind " + std::to_string(kind)};
  return std::optional<decoded_frame>{std::move(decoded)};
}

}  // namespace baton::plugin_host
