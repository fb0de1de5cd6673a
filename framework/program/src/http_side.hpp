#pragma once

#include <functional>
#include <memory>
#include <string>

#include "baton/admin/server.hpp"
#include "baton/observe/recorder.hpp"
#include "baton/runtime/scheduler.hpp"
#include "configuration.hpp"
#include "fleet_view.hpp"

namespace baton::program {

/// The HTTP server of an instance, and the view of the fleet behind it.
class http_side {
 public:
  struct surroundings {
    const clock& time;
    observe::log& log;
    observe::metrics& metrics;
    const observe::recorder& seen;
    const runtime::scheduler& scheduler;
    // What an instance does itself; called on the server's thread.
    std::function<void(const admin::order&, admin::say)> reload;
    std::function<void(const admin::order&, admin::say)> drain;
  };
  /// nullptr: neither an address nor a socket is configured.
  [[nodiscard]] static result<std::unique_ptr<http_side>> start(const configuration& c, surroundings around);
  ~http_side() { stop(); }
  http_side(const http_side&) = delete;
  http_side& operator=(const http_side&) = delete;

  /// After a reload.
  void configured(const configuration& c);
  void stop();

 private:
  http_side(const configuration& c, surroundings around);
  [[nodiscard]] admin::callbacks callbacks();
  [[nodiscard]] instance_state state() const;
  void refused(const admin::order& wanted, std::string_view code);

  surroundings around_;
  fleet_view view_;
  std::unique_ptr<admin::server> server_;
  std::optional<boot_time> told_of_refusal_;  // on the server's thread
};

/// The answer to a change that an instance makes itself.
[[nodiscard]] admin::said outcome_answer(unsigned status, const std::string& message, const std::vector<std::string>& problems);

}  // namespace baton::program
