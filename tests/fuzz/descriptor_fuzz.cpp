// Whatever a descriptor holds is refused in words, or taken: then every text is UTF-8, every table in order, and any `with` can be checked.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/result.hpp"
#include "loader.hpp"
#include "printed.hpp"

using namespace baton::plugin_host;

namespace {

/// Makes a descriptor of bytes; texts and tables have memory of exactly their size, so that a read beyond it is seen.
class maker {
 public:
  maker(const std::uint8_t* data, std::size_t size) : bytes_{data, size} {}

  baton_plugin_descriptor descriptor() {
    baton_plugin_descriptor d{};
    d.magic = mostly(BATON_ABI_MAGIC);
    d.struct_size = mostly<std::uint32_t>(sizeof d);
    d.abi_major = mostly<std::uint16_t>(BATON_ABI_MAJOR);
    d.abi_minor = mostly<std::uint16_t>(BATON_ABI_MINOR);
    d.name = bytes_.ConsumeBool() ? kept("x") : text();
    d.version = text();
    d.build_id = text();
    d.flags = bytes_.ConsumeIntegral<std::uint64_t>();
    if (!rarely()) d.create = [](const baton_host*, void**) noexcept -> std::uint32_t { return BATON_STATUS_OK; };
    if (!rarely()) d.run = [](void*) noexcept -> std::uint32_t { return BATON_OUTCOME_SUCCESS; };
    if (!rarely()) d.destroy = [](void*) noexcept {};
    d.parameter_size = bytes_.PickValueInArray<std::uint32_t>({sizeof(baton_parameter), sizeof(baton_parameter) + 3, 8});
    d.metric_size = bytes_.PickValueInArray<std::uint32_t>({sizeof(baton_metric), sizeof(baton_metric) + 5, 8});
    d.parameter_count = count();
    d.metric_count = count();
    d.parameters = table<baton_parameter>(d.parameter_count, d.parameter_size, [this] { return parameter_row(); });
    d.metrics = table<baton_metric>(d.metric_count, d.metric_size, [this] { return metric_row(); });
    return d;
  }

  raw_value with() {
    raw_value all;
    raw_value::map entries;
    while (bytes_.remaining_bytes() > 0 && entries.size() < 4) {
      raw_value one;
      one.data = bytes_.ConsumeRandomLengthString(16);
      entries.push_back({name(), std::move(one)});
    }
    all.data = std::move(entries);
    return all;
  }

 private:
  bool rarely() { return bytes_.ConsumeIntegralInRange(0, 31) == 31; }
  template <typename T>
  T mostly(T usual) {
    return rarely() ? bytes_.ConsumeIntegral<T>() : usual;
  }
  std::uint32_t count() {
    return rarely() ? bytes_.ConsumeIntegralInRange<std::uint32_t>(0, 300) : bytes_.ConsumeIntegralInRange<std::uint32_t>(0, 4);
  }

  std::string name() { return bytes_.PickValueInArray({"a", "rows_total", "b_sum", "c-d", "__e", "job", "kind", "z9"}); }
  baton_string kept(const std::string& text) {
    auto& memory = memory_.emplace_back(new char[text.size()]);
    std::memcpy(memory.get(), text.data(), text.size());
    return {memory.get(), text.size()};
  }
  baton_string text() {
    if (rarely()) return {nullptr, bytes_.ConsumeIntegralInRange<std::size_t>(0, 2)};
    if (rarely()) return kept(std::string(bytes_.ConsumeIntegralInRange<std::size_t>(60, 5000), 'a'));
    return kept(bytes_.ConsumeBool() ? name() : bytes_.ConsumeRandomLengthString(24));
  }

  template <typename Row, typename Make>
  const Row* table(std::uint32_t rows, std::size_t distance, Make make) {
    if (rarely()) return nullptr;
    auto& memory = memory_.emplace_back(new char[rows * distance]);
    std::memset(memory.get(), 0, rows * distance);
    for (std::size_t i = 0; i < rows && bytes_.remaining_bytes() > 0; ++i) {
      const Row row = make();
      std::memcpy(memory.get() + i * distance, &row, std::min(distance, sizeof row));
    }
    return reinterpret_cast<const Row*>(memory.get());
  }

  baton_parameter parameter_row() {
    baton_parameter row{};
    row.name = text();
    row.help = text();
    row.type = bytes_.ConsumeIntegralInRange<std::uint32_t>(0, 8);
    row.flags = bytes_.ConsumeIntegralInRange<std::uint32_t>(0, 63);
    row.fallback = text();
    row.minimum = bytes_.ConsumeFloatingPoint<double>();
    row.maximum = bytes_.ConsumeFloatingPoint<double>();
    row.choice_count = bytes_.ConsumeIntegralInRange<std::size_t>(0, 2);
    row.choices = table<baton_string>(static_cast<std::uint32_t>(row.choice_count), sizeof(baton_string), [this] { return text(); });
    return row;
  }
  baton_metric metric_row() {
    baton_metric row{};
    row.name = text();
    row.help = text();
    row.kind = bytes_.ConsumeIntegralInRange<std::uint32_t>(0, 4);
    row.label_count = count();
    row.labels = table<baton_field>(row.label_count, sizeof(baton_field), [this] { return baton_field{text(), text()}; });
    row.bucket_count = count();
    row.buckets = table<double>(static_cast<std::uint32_t>(row.bucket_count), sizeof(double), [this] {
      return bytes_.ConsumeBool() ? bytes_.ConsumeFloatingPoint<double>() : bytes_.ConsumeIntegralInRange(-9, 9);
    });
    return row;
  }

  FuzzedDataProvider bytes_;
  std::deque<std::unique_ptr<char[]>> memory_;
};

void require_text(const std::string& text, std::size_t limit) { BATON_ASSERT(text.size() <= limit && valid_utf8(text) == text); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  maker make{data, size};
  const auto descriptor = make.descriptor();
  const auto found = read_descriptor("/p/x.so", &descriptor);
  if (!found) {
    BATON_ASSERT(found.error().context.starts_with("plugin /p/x.so: "));
    require_text(found.error().context, 8192);
    return 0;
  }
  require_text(found->version, 1024);
  require_text(found->build_id, 1024);
  for (const auto& p : found->parameters) {
    require_text(p.name, 64);
    require_text(p.help, 1024);
    for (const auto& choice : p.choices) require_text(choice, 1024);
  }
  for (const auto& m : found->metrics) {
    require_text(m.help, 1024);
    BATON_ASSERT(std::is_sorted(m.buckets.begin(), m.buckets.end()) && m.buckets.empty() == (m.kind != metric_kind::histogram));
    for (const auto& [key, value] : m.labels) {
      BATON_ASSERT(key != "job" && key != "job_name" && !key.starts_with("__"));
      require_text(value, 128);
    }
  }
  (void)check_parameters(*found, make.with());
  return 0;
}
