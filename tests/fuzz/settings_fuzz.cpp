// A configuration as bytes: a value or errors, each with a message; what was taken and printed again is taken again, as the same.

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "baton/settings/settings.hpp"

namespace {

/// A file in memory with that text.
class memory_file {
 public:
  explicit memory_file(std::string_view text) : fd_(::memfd_create("baton", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::fchmod(fd_, 0600) != 0) std::abort();
    if (::write(fd_, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  ~memory_file() { ::close(fd_); }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (text.find("include") != std::string_view::npos || text.find("file") != std::string_view::npos)
    return 0;  // other files are none of this
  const memory_file file{text};
  const auto loaded = baton::settings::load(file.path());
  bool has_error = false;
  for (const auto& p : loaded.problems) {
    if (p.message.empty() || baton::settings::render(p).empty()) std::abort();
    has_error = has_error || !p.is_warning;
  }
  if (loaded.value.has_value() == has_error) std::abort();
  if (!loaded.value) return 0;
  const auto shown = baton::settings::show_effective(*loaded.value);
  const memory_file again{shown};
  const auto reloaded = baton::settings::load(again.path());
  if (!reloaded.value || baton::settings::show_effective(*reloaded.value) != shown) std::abort();
  return 0;
}
