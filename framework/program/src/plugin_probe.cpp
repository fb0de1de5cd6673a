#include "plugin_probe.hpp"

#include <dlfcn.h>
#include <malloc.h>

#include <condition_variable>
#include <exception>
#include <filesystem>
#include <mutex>
#include <string_view>
#include <thread>
#include <variant>

#include "baton/sdk/testing.hpp"

namespace baton::program {
namespace {

/// The fake host, which also says what the plugin gave as its result.
class recording_host : public sdk::testing::fake_host {
 public:
  recording_host(const plugin_host::values& with, std::string& text) : table_{abi()}, text_{text} {
    for (const auto& [name, value] : with) std::visit([this, &key = name](const auto& v) { set(key, v); }, value);
    table_.set_result = [](void* me, baton_string words) noexcept {
      static_cast<recording_host*>(static_cast<fake_host*>(me))->text_ = std::string{sdk::detail::view(words)};
    };
  }
  [[nodiscard]] const baton_host& table() const { return table_; }

 private:
  baton_host table_;
  std::string& text_;
};

/// Asks a run to stop when it lasts too long; does so once, and never outside of it.
class stopper {
 public:
  stopper(sdk::testing::fake_host& host, const baton_plugin_descriptor& plugin, void* instance, microseconds after)
      : thread_{[this, &host, &plugin, instance, after] {
          std::unique_lock guard{mutex_};
          if (over_.wait_for(guard, after, [this] { return is_over_; })) return;
          host.request_stop();
          if (plugin.stop != nullptr) plugin.stop(instance);
        }} {}
  ~stopper() {
    {
      const std::scoped_lock guard{mutex_};
      is_over_ = true;
    }
    over_.notify_one();
    thread_.join();
  }
  stopper(const stopper&) = delete;
  stopper& operator=(const stopper&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool is_over_ = false;
  std::thread thread_;
};

std::size_t entries_of(const char* folder) {
  std::error_code ignored;
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{folder, ignored}) count += entry.path().empty() ? 0 : 1;
  return count;
}

}  // namespace

plugin_probe::plugin_probe(const std::string& path) {
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return;
  entry_ = reinterpret_cast<decltype(entry_)>(::dlsym(library, "baton_plugin_entry"));
  if (entry_ != nullptr) descriptor_ = entry_();
}

plugin_probe::lifecycle plugin_probe::create_and_destroy(const plugin_host::values& with) const { return call(with, std::nullopt); }
plugin_probe::lifecycle plugin_probe::run(const plugin_host::values& with, microseconds stop_after) const { return call(with, stop_after); }

plugin_probe::lifecycle plugin_probe::call(const plugin_host::values& with, std::optional<microseconds> stop_after) const {
  std::uint32_t (*const create)(const baton_host*, void**) = descriptor_->create;
  std::uint32_t (*const work)(void*) = descriptor_->run;
  void (*const destroy)(void*) = descriptor_->destroy;
  lifecycle seen;
  recording_host host{with, seen.reason};
  const char* where = "create";
  try {
    void* instance = nullptr;
    seen.is_created = create(&host.table(), &instance) == BATON_STATUS_OK;
    if (!seen.is_created) return seen;
    if (stop_after) {
      where = "run";
      const stopper guard{host, *descriptor_, instance, *stop_after};
      work(instance);
    }
    where = "destroy";
    destroy(instance);
  } catch (const std::exception& e) {
    seen.escaped = std::string{where} + "() was left by an exception: " + e.what();
  } catch (...) {
    seen.escaped = std::string{where} + "() was left by an exception that is not a std::exception";
  }
  return seen;
}

holdings holdings_now() {
  const auto heap = ::mallinfo2();
  return {entries_of("/proc/self/fd"), entries_of("/proc/self/task"), heap.uordblks + heap.hblkhd};
}

}  // namespace baton::program
