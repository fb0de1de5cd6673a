#include "lock_file.hpp"

#include <atomic>
#include <thread>

#include "baton/lock/name.hpp"
#include "fixture.hpp"

namespace baton::local::testing {
namespace {

class lock_file_test : public local_test {
 protected:
  [[nodiscard]] std::shared_ptr<const directory> where() const { return ok(directory::open(path())); }
  [[nodiscard]] std::string file(const std::string& name) const { return path() + "/locks/" + lock_file_name(name); }
};

TEST_F(lock_file_test, has_a_name_that_is_one_component_and_short_enough) {
  EXPECT_EQ(lock_file_name("baton:c:job-1.x_y"), "baton%3Ac%3Ajob-1.x_y.lock");
  EXPECT_EQ(lock_file_name("../A"), "..%2F%41.lock");
  EXPECT_LE(lock_file_name(std::string(64, ':')).size(), 197U);
}

TEST_F(lock_file_test, is_held_by_one_session_which_it_names) {
  const auto at = where();
  auto held = ok(lock_file::try_take(at, "n", 7));
  ASSERT_TRUE(held);
  EXPECT_FALSE(ok(lock_file::try_take(at, "n", 8)));
  EXPECT_FALSE(ok(lock_file::try_take(at, "n", 7))) << "a file is an open one, not a session";
  EXPECT_TRUE(ok(is_held(*at, "n")));
  EXPECT_TRUE(ok(is_held(*at, "n", 7)));
  EXPECT_FALSE(ok(is_held(*at, "n", 8)));
  EXPECT_FALSE(ok(is_held(*at, "other")));
  held.reset();
  EXPECT_FALSE(ok(is_held(*at, "n")));
  EXPECT_FALSE(ok(is_held(*at, "n", 7)));
  EXPECT_TRUE(ok(lock_file::try_take(at, "n", 8)));
}

TEST_F(lock_file_test, refuses_a_name_that_is_too_long) {
  EXPECT_EQ(code_of(lock_file::try_take(where(), std::string(65, 'x'), 1)), errc::invalid_key);
  EXPECT_EQ(code_of(lock_file::try_take(where(), "", 1)), errc::invalid_key);
}

// G4: nobody has to guess a time-out.
TEST_F(lock_file_test, is_free_at_once_after_kill_9_of_its_process) {
  const auto at = where();
  holder other{[&] {
    static auto held = lock_file::try_take(at, "n", 7);
    return held && *held;
  }};
  EXPECT_TRUE(ok(is_held(*at, "n", 7)));
  EXPECT_FALSE(ok(lock_file::try_take(at, "n", 8)));
  other.kill();
  EXPECT_FALSE(ok(is_held(*at, "n", 7))) << "its id still stands in the file";
  EXPECT_TRUE(ok(lock_file::try_take(at, "n", 8)));
}

TEST_F(lock_file_test, stays_the_parents_when_a_forked_child_ends) {
  const auto at = where();
  auto held = ok(lock_file::try_take(at, "n", 7));
  const pid_t child = ::fork();
  if (child == 0) {
    held.reset();
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(ok(is_held(*at, "n", 7)));
}

TEST_F(lock_file_test, is_lost_when_its_file_was_removed_or_replaced) {
  const auto at = where();
  const auto held = ok(lock_file::try_take(at, "n", 7));
  EXPECT_TRUE(held->is_in_place());
  std::filesystem::remove(file("n"));
  EXPECT_FALSE(held->is_in_place());
  const auto other = ok(lock_file::try_take(at, "n", 8));
  EXPECT_FALSE(held->is_in_place());
  EXPECT_TRUE(other->is_in_place());
}

TEST_F(lock_file_test, is_swept_when_nobody_holds_it_and_it_does_not_come_back) {
  const auto at = where();
  const auto incarnation = lock::incarnation_name("c", "dead");
  const auto living = lock::incarnation_name("c", "alive");
  holder{[&] {
    static auto held = lock_file::try_take(at, incarnation, 7);
    return held && *held;
  }}.kill();
  const auto alive = ok(lock_file::try_take(at, living, 8));
  (void)ok(lock_file::try_take(at, "baton:c:job", 9));
  const auto now = std::chrono::floor<microseconds>(std::chrono::system_clock::now());
  sweep_lock_files(*at, now);
  EXPECT_FALSE(std::filesystem::exists(file(incarnation)));
  EXPECT_TRUE(std::filesystem::exists(file(living)));
  EXPECT_TRUE(std::filesystem::exists(file("baton:c:job"))) << "of today";
  sweep_lock_files(*at, now + std::chrono::hours{25});
  EXPECT_FALSE(std::filesystem::exists(file("baton:c:job")));
  EXPECT_TRUE(alive->is_in_place());
}

// The classic race: one opens the file, another removes it, a third makes it anew - and two hold the name.
TEST_F(lock_file_test, is_never_held_twice_however_often_files_are_removed) {
  const auto at = where();
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::atomic<int> taken = 0;
  std::atomic<bool> is_over = false;
  std::vector<std::thread> threads;
  for (std::uint64_t id = 1; id <= 4; ++id) {
    threads.emplace_back([&, id] {
      while (!is_over) {
        auto held = lock_file::try_take(at, "n", id);
        if (!held || !*held) continue;
        const int now = ++inside;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        ++taken;
        if (id % 2 == 0) (*held)->remove_at_end();
        --inside;
      }
    });
  }
  threads.emplace_back([&] {
    const auto later = std::chrono::floor<microseconds>(std::chrono::system_clock::now()) + std::chrono::hours{48};
    while (!is_over) sweep_lock_files(*at, later);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds{500});
  is_over = true;
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(most, 1);
  EXPECT_GT(taken, 100);
}

}  // namespace
}  // namespace baton::local::testing
