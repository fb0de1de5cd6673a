#include "async_connection.hpp"

#include <sys/epoll.h>
#include <unistd.h>

namespace baton::mysql {
namespace {

/// A descriptor that is readable while `socket` is; -1 if there is none to be had. Asio sets O_NONBLOCK on what it waits for, and a
/// duplicate of the socket would share that with it: over TLS, Connector/C 3.3 then takes its read time-out for milliseconds, and gives up
/// an answer that pauses for 30 ms.
int readable_while(int socket) {
  const int watched = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{EPOLLIN | EPOLLRDHUP, {}};
  if (watched >= 0 && ::epoll_ctl(watched, EPOLL_CTL_ADD, socket, &interest) == 0) return watched;
  if (watched >= 0) ::close(watched);
  return -1;
}

}  // namespace

std::shared_ptr<async_connection> async_connection::start(boost::asio::io_context& io, std::unique_ptr<connection> link, watching when,
                                                          std::function<void(failure)> on_end) {
  auto made = std::make_shared<async_connection>(io, std::move(link), when, std::move(on_end));
  if (when == watching::always) made->watch();
  return made;
}

async_connection::async_connection(boost::asio::io_context& io, std::unique_ptr<connection> link, watching when,
                                   std::function<void(failure)> on_end)
    : link_(std::move(link)), where_(link_->where()), socket_(io), timer_(io), watching_(when), on_end_(std::move(on_end)) {
  boost::system::error_code ignored;  // without a descriptor, the first wait fails
  if (const int watched = readable_while(link_->descriptor()); watched >= 0) socket_.assign(watched, ignored);
}

async_connection::~async_connection() = default;

void async_connection::ask(question q) {
  waiting_.push_back(std::move(q));
  pump();
}

void async_connection::ask_first(question q) {
  waiting_.push_front(std::move(q));
  pump();
}

void async_connection::pump() {
  if (std::exchange(is_pumping_, true)) return;
  const auto self = shared_from_this();
  while (!is_asking_ && !waiting_.empty()) {
    asked_ = std::move(waiting_.front());
    waiting_.pop_front();
    is_asking_ = true;
    ++turn_;
    if (has_ended_) {
      finish(failure{errc::store_unavailable, where_ + ": the connection had ended before"});
      continue;
    }
    if (asked_.on_sent) asked_.on_sent(link_->now());
    if (auto sent = link_->send(asked_.sql); !sent) {
      if (sent.error().code == errc::store_unavailable) {
        end(std::move(sent).error());
      } else {
        finish(std::move(sent).error());
      }
      continue;
    }
    if (watching_ == watching::during_statements) watch();
    if (asked_.limit == microseconds::max()) continue;
    timer_.expires_after(asked_.limit);
    timer_.async_wait([self, turn = turn_](const boost::system::error_code& error) {
      if (error || turn != self->turn_ || !self->is_asking_) return;
      self->end(self->link_->unavailable("no answer within " + to_text(self->asked_.limit)));
    });
  }
  is_pumping_ = false;
}

void async_connection::watch() {
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
    if (self->has_ended_ || error == boost::asio::error::operation_aborted) return;
    if (error) return self->hang_up("waiting for its socket: " + error.message());
    self->readable();
  });
}

void async_connection::readable() {
  if (is_asking_) {
    auto answered = link_->receive();
    if (!answered && link_->is_dead()) return end(std::move(answered).error());
    finish(std::move(answered));
  } else if (link_->has_ended()) {
    return end(link_->unavailable("the server closed the connection"));
  }
  if (!has_ended_ && watching_ == watching::always) watch();
}

/// Hands the answer over. What that leads to may be the end of this object's owner.
void async_connection::finish(answer a) {
  const auto self = shared_from_this();
  timer_.cancel();
  is_asking_ = false;
  const auto done = std::exchange(asked_, question{}).done;
  if (done) done(std::move(a));
  pump();
}

/// Whoever is told that its question failed finds a connection that has ended.
void async_connection::end(failure why) {
  if (std::exchange(has_ended_, true)) return;
  const auto self = shared_from_this();
  boost::system::error_code ignored;
  timer_.cancel();
  socket_.close(ignored);
  if (const auto told = std::exchange(on_end_, nullptr)) told(why);
  if (is_asking_) finish(std::move(why));
  pump();  // each of those that wait fails
}

void async_connection::hang_up(std::string why) {
  link_->hang_up();
  end(link_->unavailable(why));
}

void async_connection::close() {
  has_ended_ = true;
  on_end_ = nullptr;
  boost::system::error_code ignored;
  timer_.cancel();
  socket_.close(ignored);
  waiting_.clear();
  asked_ = {};
  is_asking_ = false;
  link_.reset();
}

}  // namespace baton::mysql
