#include "instance.hpp"

#include <algorithm>
#include <cstdio>

#include "baton/lock/name.hpp"

namespace baton::simulation {

using namespace std::chrono_literals;

void world::say(const std::string& text) const {
  if (trace) std::fprintf(stderr, "%12s %s\n", to_text(loop.now()).c_str(), text.c_str());
}

instance::instance(world& w, std::string label, std::vector<std::size_t> jobs, std::uint32_t slots)
    : world_(w), label_(std::move(label)), jobs_(std::move(jobs)), slots_(slots) {
  boot_offset_ = world_.random.between(1s, 1000h);
  wall_offset_ = world_.random.between(-4s, 4s);
}

instance::~instance() {
  for (const auto& l : links_) l->let_go();
}

void instance::start() {
  ++life_;
  incarnation_ = std::to_string(++world_.starts);
  incarnation_.insert(0, lock::incarnation_length - incarnation_.size(), '0');
  world_.say(label_ + " starts as " + incarnation_);
  engine::options options{cluster, incarnation_, label_, "sim", 1, "2026f", world_.timing, world_.takeover, slots_, 60s, {}, {}};
  if (is_leader_mode_) options.leader_name = "baton:sim:~leader";
  engine_ = std::make_unique<engine::scheduler>(std::move(options), job_set());
  stopping_ = false;
  arrived_.clear();
  armed_.reset();
  advances_in_a_row_ = 0;
  perform(engine_->advance(local()));
  arm();
}

void instance::crash(bool host_too) {
  if (!is_alive()) return;
  world_.say(label_ + (host_too ? "'s host crashes" : " crashes"));
  engine_.reset();
  ++life_;
  inbox_.clear();
  paused_ = false;
  sessions_.clear();
  for (const auto& l : links_) {
    if (host_too) {
      l->black = l->client_closed = true;
    } else if (!l->client_closed) {
      close(l);
    }
  }
  // A runner sees the end of its instance, and has S to bring its handler to an end.
  for (const auto& [id, r] : runs_)
    die(r, host_too ? 0us : world_.random.between(0us, world_.timing.stop - 1us), ledger::run_outcome::crashed);
  runs_.clear();
}

void instance::upgrade() {
  crash(false);
  jobs_.clear();
  for (std::size_t j = 0; j < world_.jobs.size(); ++j) jobs_.push_back(j);
  not_here_.clear();
}

engine::job_set instance::job_set() const {
  engine::job_set set{{}, world_.tags};
  for (const auto j : jobs_) {
    set.jobs.push_back(world_.jobs[j].job);
    set.jobs.back().runs_here = !not_here_.contains(j);
  }
  return set;
}

void instance::reload() {
  if (!is_alive()) return;
  world_.say(label_ + " reloads");
  for (std::size_t j = 0; j < world_.jobs.size(); ++j) {
    if (std::ranges::find(jobs_, j) == jobs_.end()) jobs_.push_back(j);
  }
  post([this] { return engine::jobs_changed{job_set(), 1, slots_}; });
}

void instance::stop() {
  if (!is_alive()) return;
  world_.say(label_ + " is told to stop");
  stopping_ = true;
  post([] { return engine::stop_requested{}; });
}

void instance::pause() {
  if (!is_alive()) return;
  world_.say(label_ + " is stopped (SIGSTOP)");
  paused_ = true;
}

void instance::resume() {
  if (!paused_) return;
  world_.say(label_ + " goes on (SIGCONT)");
  paused_ = false;
  armed_.reset();
  // A timer may come before what has piled up, or after it.
  const auto life = life_;
  if (is_alive() && world_.random.one_in(2)) perform(engine_->advance(local()));
  auto waiting = std::exchange(inbox_, {});
  for (auto& what : waiting) {
    if (life == life_ && is_alive()) take(what());
  }
  if (is_alive()) look_at_what_arrived();
  if (is_alive()) arm();
}

void instance::cut(bool to_server, bool from_server) {
  world_.say(label_ + " is cut off" + (to_server ? " towards the server" : "") + (from_server ? " from the server" : ""));
  cut_up_ = cut_up_ || to_server;
  cut_down_ = cut_down_ || from_server;
}

void instance::heal() {
  if (!cut_up_ && !cut_down_) return;
  world_.say(label_ + "'s network heals");
  cut_up_ = cut_down_ = false;
  world_.loop.after(latency(), [this] { flush(); });
}

bool instance::holds_its_incarnation() const { return world_.store.owner_of(lock::incarnation_name(cluster, incarnation_)).has_value(); }

void instance::kill_sessions(bool lock_sessions, bool ledger_sessions) {
  for (const auto& l : links_) {
    if (l->server_id == 0 || l->server_closed || !(l->is_lock ? lock_sessions : ledger_sessions)) continue;
    world_.say(label_ + ": KILL " + std::to_string(l->server_id) + (l->is_lock ? " (lock)" : " (ledger)"));
    world_.store.kill(l->server_id);
  }
  server_has_ended_sessions();
}

void instance::lose_a_link(link_kind kind) {
  for (const auto& l : links_) {
    if (l->black || l->client_closed || l->is_lock != (kind == link_kind::lock)) continue;
    world_.say(label_ + ": a link of a " + (l->is_lock ? "lock" : "ledger") + " session goes black");
    l->black = true;
    return;
  }
}

void instance::lose_every_link() {
  world_.say(label_ + ": every link goes black");
  for (const auto& l : links_) {
    if (!l->client_closed) l->black = true;
  }
}

void instance::server_has_ended_sessions() {
  const auto links = links_;
  for (const auto& l : links) {
    if (l->server_id != 0 && !world_.store.is_open(l->server_id)) server_ends(l);
  }
}

// ---- clocks and the event queue of the process

time_point instance::local() const {
  const auto now = world_.loop.now();
  return {world_.store_epoch + now + wall_offset_, boot_time{boot_offset_ + now}};
}

void instance::post(std::function<engine::event()> what) {
  if (!is_alive()) return;
  if (paused_) {
    inbox_.push_back(std::move(what));
  } else {
    take(what());
  }
}

/// As an event loop does that has something else to do as well: what arrives meanwhile is looked at together.
void instance::take(engine::event e) {
  arrived_.push_back(std::move(e));
  if (arrived_.size() > 1) return;
  world_.loop.after(world_.random.between(0us, 500us), [this, life = life_] {
    if (life == life_ && is_alive() && !paused_) look_at_what_arrived();
  });
}

void instance::look_at_what_arrived() {
  if (arrived_.empty()) return;
  advances_in_a_row_ = 0;
  perform(engine_->on(std::exchange(arrived_, {}), local()));
  arm();
}

void instance::perform(std::vector<engine::action> actions) {
  for (const auto& a : actions) std::visit([this](const auto& todo) { perform(todo); }, a);
}

void instance::arm() {
  if (!is_alive() || paused_) return;
  const auto wake = engine_->next_wakeup();
  if (!wake) return;
  const auto at = std::max(wake->time_since_epoch() - boot_offset_, world_.loop.now());
  if (armed_ && *armed_ <= at) return;
  armed_ = at;
  world_.loop.at(at + world_.random.between(0us, 1ms), [this, at, life = life_] {
    if (life != life_ || !is_alive() || paused_ || armed_ != at) return;
    armed_.reset();
    if (++advances_in_a_row_ > 1000 && world_.loop.now() - last_advance_ < 10ms) {
      world_.check.broken("G7", label_ + " loops without getting anywhere", world_.loop.now());
      return;
    }
    last_advance_ = world_.loop.now();
    perform(engine_->advance(local()));
    arm();
  });
}

}  // namespace baton::simulation
