#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "baton/observe/log.hpp"
#include "configuration.hpp"

namespace baton::program {

/// The first key in which two configurations differ that an instance takes at its start only; empty: there is none.
[[nodiscard]] std::string needs_restart(const settings::settings& running, const settings::settings& wanted);

/// Reads the configuration's file again, on a thread of its own: loading plugins takes time, and leases must not wait for it.
///
/// A file with an error, or one that needs a restart, changes nothing and is logged with every problem.
/// Thread safety: request() and end() on the io_context's thread, on which `apply` and `told` are called too.
class reloader {
 public:
  using apply_function = std::function<status(const configuration&)>;
  /// What a reload came to. `problems`: of the file, as `baton check` tells them; also the warnings of one that was taken.
  struct outcome {
    bool successful = false;
    std::string message;
    std::vector<std::string> problems;
    bool is_stopping = false;  ///< nothing is wrong with the file: nobody looked at it
  };
  using done_function = std::function<void(const outcome&)>;
  /// `told`: how it ended.
  reloader(boost::asio::io_context& io, std::string file, settings::settings running, observe::log& log, apply_function apply,
           std::function<void(bool successful)> told);
  ~reloader();

  /// While one is under way, another one follows it. `done` is called when that has ended.
  void request(done_function done = {});
  void end();

 private:
  void keep(settings::settings running);
  void begin();
  void finish(const checked& loaded);
  [[nodiscard]] outcome take(const checked& loaded);
  [[nodiscard]] outcome refuse(std::string why, std::vector<observe::log_field> fields, std::vector<std::string> problems);

  boost::asio::io_context& io_;
  std::string file_;
  settings::settings running_;     ///< without its jobs
  std::vector<std::string> jobs_;  ///< their names, sorted
  observe::log& log_;
  apply_function apply_;
  std::function<void(bool)> told_;
  std::thread thread_;
  bool is_under_way_ = false;
  bool is_wanted_again_ = false;
  std::vector<done_function> waiting_;        ///< for the one under way
  std::vector<done_function> waiting_again_;  ///< for the one that follows it
  bool has_ended_ = false;
};

}  // namespace baton::program
