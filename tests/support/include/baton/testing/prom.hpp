#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "baton/base/result.hpp"
#include "baton/base/time.hpp"

namespace baton::testing {

struct http_reply {
  int status = 0;
  std::string body;
};

/// GET over a plain socket to 127.0.0.1; the connection is closed by the server.
[[nodiscard]] result<http_reply> http_get(std::uint16_t port, std::string_view path, microseconds limit = std::chrono::seconds{2});

/// One scrape of /metrics.
class scrape {
 public:
  using labels = std::map<std::string, std::string>;
  struct sample {
    std::string name;
    scrape::labels labels;
    double value = 0;
  };

  [[nodiscard]] static scrape parse(std::string_view text);

  /// The sum of all series of this name that carry these labels; nullopt if there is none.
  [[nodiscard]] std::optional<double> value(std::string_view name, const labels& with = {}) const;
  /// The types that the text declares, by metric family.
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& families() const noexcept { return families_; }
  [[nodiscard]] const std::vector<sample>& samples() const noexcept { return samples_; }

 private:
  std::map<std::string, std::string, std::less<>> families_;
  std::vector<sample> samples_;
};

}  // namespace baton::testing
