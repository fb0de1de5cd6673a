#pragma once

// Between callbacks on a thread of ours and completion tokens on an executor of the program's.
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

namespace baton::mysql::detail {

/// What an operation of ours leaves behind in a program's execution context.
struct pending_operation {
  virtual ~pending_operation() = default;
  virtual void abandon() noexcept = 0;
};

/// The operations that a context's handlers wait for. A context that is destroyed takes its handlers with it: what completes after that
/// finds nothing to call.
class pending_operations final : public boost::asio::execution_context::service {
 public:
  using key_type = pending_operations;
  static inline boost::asio::execution_context::id id;

  struct book {
    std::recursive_mutex mutex;  // an executor may run what is posted to it at once
    std::set<std::shared_ptr<pending_operation>> operations;
    bool is_closed = false;
  };

  explicit pending_operations(boost::asio::execution_context& of) : service(of) {}
  [[nodiscard]] const std::shared_ptr<book>& operations() const noexcept { return book_; }

 private:
  void shutdown() override {
    std::set<std::shared_ptr<pending_operation>> left;
    {
      const std::lock_guard guard{book_->mutex};
      book_->is_closed = true;
      left.swap(book_->operations);
    }
    for (const auto& operation : left) operation->abandon();
  }

  std::shared_ptr<book> book_ = std::make_shared<book>();
};

/// A handler that waits for one `Result`, its executor, and the work that it counts as there.
template <typename Result, typename Handler>
class operation final : public pending_operation, public std::enable_shared_from_this<operation<Result, Handler>> {
 public:
  using executor = boost::asio::associated_executor_t<Handler, boost::asio::system_executor>;

  explicit operation(Handler handler)
      : executor_(boost::asio::get_associated_executor(handler, boost::asio::system_executor{})),
        work_(boost::asio::prefer(executor_, boost::asio::execution::outstanding_work.tracked)),
        handler_(std::move(handler)) {}

  /// `cancel`: ends what is under way; called for a cancellation signal, and when the context is destroyed.
  void start(std::function<void()> cancel) {
    cancel_ = std::move(cancel);
    book_ = boost::asio::use_service<pending_operations>(boost::asio::query(executor_, boost::asio::execution::context)).operations();
    {
      const std::lock_guard guard{book_->mutex};
      book_->operations.insert(this->shared_from_this());
    }
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (!slot.is_connected()) return;
    slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type type) {
      const auto self = weak.lock();
      if (self && type != boost::asio::cancellation_type::none) self->cancel_();
    });
  }

  /// False when the program's context is gone, and with it the handler: what `result` brought is nobody's.
  bool complete(Result result) {
    const auto book = book_;
    const std::lock_guard guard{book->mutex};
    if (book->operations.erase(this->shared_from_this()) == 0) return false;
    auto to = std::move(*work_);
    work_.reset();
    boost::asio::post(to, [handler = std::move(*std::exchange(handler_, std::nullopt)), result = std::move(result)]() mutable {
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.clear();
      std::move(handler)(std::move(result));
    });
    return true;
  }

  void abandon() noexcept override {
    cancel_();
    handler_.reset();
    work_.reset();
  }

 private:
  using tracked = std::decay_t<decltype(boost::asio::prefer(std::declval<executor>(), boost::asio::execution::outstanding_work.tracked))>;
  executor executor_;
  std::optional<tracked> work_;
  std::optional<Handler> handler_;
  std::function<void()> cancel_;
  std::shared_ptr<pending_operations::book> book_;
};

/// Makes an asynchronous operation of `start(cancellable, done)`: it is to begin what it does, to put what ends it into `cancellable`, and
/// to call `done(result)` once, from whatever thread. `done` says whether anybody was there to take the result.
template <typename Result, typename Start, typename Token>
auto initiate(Start start, Token&& token) {
  return boost::asio::async_initiate<Token, void(Result)>(
      [](auto handler, Start begin) {
        using op = operation<Result, std::decay_t<decltype(handler)>>;
        const auto pending = std::make_shared<op>(std::move(handler));
        const auto ends = std::make_shared<std::function<void()>>([] {});
        pending->start([ends] { (*ends)(); });
        begin(*ends, [pending](Result result) { return pending->complete(std::move(result)); });
      },
      token, std::move(start));
}

}  // namespace baton::mysql::detail
