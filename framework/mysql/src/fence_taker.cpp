#include "fence_taker.hpp"

#include <boost/asio/post.hpp>

#include "lock_statements.hpp"

namespace baton::mysql {
namespace {

using std::chrono::microseconds;

/// Microseconds since the epoch: what keeps fences rising where a failover has lost the last ones.
constexpr std::string_view time_floor = "FLOOR(UNIX_TIMESTAMP(NOW(6))*1000000)";

std::string take_sql(connection& link, const fence_taker::request& r) {
  std::string name;
  append_name(name, r.name);
  std::string sql = "START TRANSACTION;INSERT INTO baton_fence (lock_name,fence) VALUES (" + name + ",";
  sql.append(time_floor).append(") ON DUPLICATE KEY UPDATE fence=GREATEST(fence+1,").append(time_floor).append(");");
  if (r.holder) {
    const auto label = link.quoted(*r.holder);
    const auto id = std::to_string(r.lock_connection);
    const auto fence = "(SELECT fence FROM baton_fence WHERE lock_name=" + name + ")";
    sql += "SELECT given_back FROM baton_holder WHERE lock_name=" + name + " FOR UPDATE;INSERT INTO baton_holder VALUES (" + name + "," +
           fence + "," + label + "," + id + ",UTC_TIMESTAMP(6),0) ON DUPLICATE KEY UPDATE fence=" + fence + ",holder=" + label +
           ",connection_id=" + id + ",since=UTC_TIMESTAMP(6),given_back=0;";
  } else {
    sql += "DO 0;DO 0;";
  }
  // Last, with the fence's row locked: whoever is granted the name from here on takes a larger fence.
  sql += "SELECT fence,COALESCE(IS_USED_LOCK(" + name + ")=" + std::to_string(r.lock_connection) +
         ",0) FROM baton_fence WHERE lock_name=" + name;
  return sql;
}

}  // namespace

void fence_taker::take(request r) {
  const auto shared = std::make_shared<request>(std::move(r));
  enqueue([self = shared_from_this(), shared] { self->take_now(shared); }, [shared](failure why) { shared->done(std::move(why)); });
}

void fence_taker::ask(std::string sql, std::function<void(async_connection::answer)> done) {
  const auto shared = std::make_shared<std::function<void(async_connection::answer)>>(std::move(done));
  enqueue(
      [self = shared_from_this(), sql = std::move(sql), shared] {
        self->link_->ask({sql, self->answer_limit_, [self, shared](async_connection::answer a) {
                            self->job_is_over();
                            (*shared)(std::move(a));
                          }});
      },
      [shared](failure why) { (*shared)(std::move(why)); });
}

void fence_taker::close() {
  for (auto& waiting : std::exchange(jobs_, {})) waiting.cannot({errc::cancelled, "the client is being destroyed"});
  if (link_) link_->close();
  link_.reset();
}

void fence_taker::enqueue(std::function<void()> start, std::function<void(failure)> cannot) {
  jobs_.push_back({std::move(start), std::move(cannot)});
  start_next();
}

void fence_taker::start_next() {
  if (is_at_work_ || jobs_.empty()) return;
  is_at_work_ = true;
  if (link_ && !link_->has_ended()) {
    const auto start = std::move(jobs_.front().start);
    jobs_.pop_front();
    return start();
  }
  open_([self = shared_from_this()](opened_link opened) {
    self->is_at_work_ = false;
    if (!opened) {
      for (auto& waiting : std::exchange(self->jobs_, {})) waiting.cannot(opened.error());
      return;
    }
    self->link_ = async_connection::start(self->io_, std::move(*opened), async_connection::watching::always,
                                          [self](const failure&) { self->on_end_(); });
    self->start_next();
  });
}

void fence_taker::job_is_over() {
  is_at_work_ = false;
  boost::asio::post(io_, [self = shared_from_this()] { self->start_next(); });
}

void fence_taker::take_now(const std::shared_ptr<request>& r) {
  link_->ask({take_sql(link_->link(), *r), answer_limit_, [self = shared_from_this(), r](async_connection::answer a) {
                if (!a && a.error().code == errc::store_unavailable) {
                  self->job_is_over();
                  return r->done(std::move(a).error());
                }
                if (!a) {
                  auto why = std::move(a).error();
                  if (why.code == errc::schema_outdated) why.context += "; store::migrate() or baton migrate makes the tables of fences";
                  return self->decided(r, std::move(why));
                }
                auto& rows = *a;
                if (rows.size() != 5 || !rows[4].next())
                  return self->decided(r, failure{errc::store_query, r->name + ": the fence gave no answer"});
                if (!rows[4].is_true(1)) return self->decided(r, failure{errc::lock_lost, r->name + ": lost before its fence was taken"});
                taken t{rows[4].number(0), true};
                if (r->holder && rows[2].next()) t.was_given_back = rows[2].is_true(0);
                self->decided(r, t);
              }});
}

/// Ends the transaction; a row that somebody else has locked is asked for again.
void fence_taker::decided(const std::shared_ptr<request>& r, result<taken> outcome) {
  const auto* const sql = outcome ? "COMMIT" : "ROLLBACK";
  link_->ask({sql, answer_limit_, [self = shared_from_this(), r, outcome = std::move(outcome)](async_connection::answer ended) mutable {
                const bool is_dead = self->link_->has_ended() || (!ended && ended.error().code == errc::store_unavailable);
                if (!outcome && outcome.error().code == errc::store_busy && !is_dead && self->link_->link().now() < r->give_up_at)
                  return self->take_now(r);
                self->job_is_over();
                if (outcome && !ended) return r->done(std::move(ended).error());
                r->done(std::move(outcome));
              }});
}

}  // namespace baton::mysql
