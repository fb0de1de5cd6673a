#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "baton/admin/server.hpp"
#include "baton/ledger/control.hpp"
#include "baton/observe/log.hpp"
#include "baton/observe/metrics.hpp"
#include "baton/observe/recorder.hpp"
#include "fleet_json.hpp"

namespace baton::program {

/// Writes down who changed what, and what came of it: a line in the log, and baton_admin_requests_total.
void audit(observe::log& log, observe::metrics& metrics, const admin::order& wanted, std::string_view result, const std::string& detail);

/// What one instance tells of the fleet over HTTP, and the changes that it passes on: on a thread of its own, with a session of its own to
/// the ledger, so that neither the scheduler nor the HTTP server waits for the store.
///
/// The ledger is read about once a second while somebody looks - a client follows the events, or asked something in the last ten seconds -
/// and not at all else; then the session is closed too. What differs from look to look is published.
///
/// Thread safety: all functions may be called from any thread; start() and stop() from one.
class fleet_view {
 public:
  struct surroundings {
    std::function<result<std::unique_ptr<ledger::control>>()> open;
    const clock& time;
    observe::log& log;
    observe::metrics& metrics;
    const observe::recorder& seen;
    std::string incarnation;
    std::function<instance_state()> state;  ///< called on any thread
  };
  using publisher = std::function<void(std::string event, std::string data)>;

  fleet_view(surroundings around, std::shared_ptr<const fleet_configuration> configured);
  ~fleet_view();
  fleet_view(const fleet_view&) = delete;
  fleet_view& operator=(const fleet_view&) = delete;

  /// `publish` gets the events, on the view's thread.
  void start(publisher publish);
  /// Waits for a call of the store that is under way; what nobody has answered yet stays unanswered.
  void stop();

  void configured(std::shared_ptr<const fleet_configuration> now);

  // What admin::callbacks asks for.
  void read(admin::question asked, admin::say done);
  [[nodiscard]] admin::said known(const admin::question& asked) const;
  void change(admin::order wanted, admin::say done);
  void watched(std::size_t clients);

 private:
  struct task {
    std::optional<admin::question> asked;
    std::optional<admin::order> wanted;
    admin::say done;
    boot_time since{};
  };
  /// Under mutex_, what answers are made of.
  struct view {
    std::shared_ptr<const fleet_configuration> configured;
    std::shared_ptr<const fleet_snapshot> ledger = std::make_shared<fleet_snapshot>();
    boot_time looked{};   ///< when ledger was read
    std::string trouble;  ///< why it could not be read again; empty: it could
  };

  void put(task t);
  void run();
  [[nodiscard]] bool is_looked_at() const;  // under mutex_
  [[nodiscard]] view current() const;
  [[nodiscard]] fleet_facts facts(const view& v, const std::string& stale) const;
  /// `rows`: what was just read for it; nullptr: nothing was.
  [[nodiscard]] admin::said answer(const view& v, const admin::question& asked, const std::string& stale,
                                   const std::vector<ledger::tick_row>* rows) const;
  [[nodiscard]] static admin::said unknown_job(const fleet_facts& f, const std::string& job);

  // on the thread
  [[nodiscard]] status reach();
  void look();
  void fail(const failure& why);
  void serve(task& t);
  [[nodiscard]] admin::said inquire(const admin::question& asked);
  [[nodiscard]] admin::said carry_out(const admin::order& wanted);
  [[nodiscard]] admin::said trigger(const admin::order& wanted);
  [[nodiscard]] admin::said set_paused(const std::string& job, bool paused);
  [[nodiscard]] admin::said cancel(const std::string& run);
  template <typename Call>
  [[nodiscard]] std::invoke_result_t<Call, ledger::control&> insist(Call call);
  [[nodiscard]] bool is_look_due() const;
  void publish_differences(const fleet_snapshot& before);
  void publish_jobs(const fleet_facts& f);
  void publish_locks(const fleet_facts& f);
  void publish_sightings();
  void publish_if_changed(const char* event, const std::string& key, std::string data);

  surroundings around_;
  publisher publish_;
  fleet_ledger ledger_;
  std::unique_ptr<ledger::control> control_;
  std::optional<boot_time> failed_;  ///< the last try to reach the store
  /// What of a job is in its events.
  struct job_mark {
    std::optional<wall_time> next;
    ledger::job_standing standing;
    std::shared_ptr<const job_past> past;
    friend bool operator==(const job_mark&, const job_mark&) = default;
  };
  std::map<std::string, job_mark, std::less<>> marks_;
  std::map<std::string, std::string, std::less<>> told_;  ///< what was published last, by event and object
  std::uint64_t next_attempt_ = 0;
  std::uint64_t next_loss_ = 0;
  bool is_out_of_date_ = false;  ///< something was changed since the last look
  microseconds look_took_{};

  mutable std::mutex mutex_;
  std::condition_variable woken_;
  view view_;
  std::vector<task> tasks_;
  std::size_t watchers_ = 0;
  std::optional<boot_time> last_asked_;
  bool was_woken_ = false;
  bool has_ended_ = false;
  std::thread thread_;
};

}  // namespace baton::program
