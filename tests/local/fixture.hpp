#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "baton/local/store.hpp"
#include "baton/testing/manual_clock.hpp"

namespace baton::local::testing {

/// Fails the test when `r` holds an error; use as `auto x = ok(f());`.
template <typename T>
T ok(result<T> r) {
  if (!r) {
    ADD_FAILURE() << to_string(r.error().code) << ": " << r.error().context;
    throw std::runtime_error{r.error().context};
  }
  if constexpr (!std::is_void_v<T>) return std::move(r).value();
}

template <typename T>
errc code_of(const result<T>& r) {
  return r ? errc{} : r.error().code;
}

/// A store in a folder of the test's own, made unless a test says otherwise. Its time is the test's.
class local_test : public ::testing::Test {
 protected:
  local_test() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~local_test() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ + "/store"; }
  [[nodiscard]] store unmade() const {
    options where;
    where.directory = path();
    where.time = time;
    return ok(store::create(where));
  }
  [[nodiscard]] store made() const {
    ok(unmade().migrate());
    return unmade();
  }

  std::string folder_ = std::filesystem::temp_directory_path() / "baton-local-XXXXXX";
  std::shared_ptr<baton::testing::manual_clock> time = std::make_shared<baton::testing::manual_clock>();
};

/// A child process that does `work` and then waits to be killed. Forked before the test has any thread or session.
class holder {
 public:
  explicit holder(const std::function<bool()>& work) {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      const char answer = work() ? 'y' : 'n';
      [[maybe_unused]] const auto n = ::write(ready[1], &answer, 1);
      for (;;) ::pause();
    }
    char answer = 'n';
    EXPECT_EQ(::read(ready[0], &answer, 1), 1);
    EXPECT_EQ(answer, 'y');
    ::close(ready[0]);
    ::close(ready[1]);
  }
  ~holder() { kill(); }
  holder(const holder&) = delete;
  holder& operator=(const holder&) = delete;

  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, 0), nullptr, 0);
  }

 private:
  pid_t pid_ = 0;
};

/// A file system of `size` in memory on a folder, for as long as it lives.
class small_disk {
 public:
  explicit small_disk(std::string folder, const std::string& size = "1m") : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
    is_there_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, ("mode=0700,size=" + size).c_str()) == 0;
  }
  ~small_disk() {
    if (is_there_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  [[nodiscard]] explicit operator bool() const noexcept { return is_there_; }
  [[nodiscard]] bool make_read_only() const { return ::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0; }
  void fill() const {
    std::ofstream out{folder_ + "/filler"};
    const std::string block(4096, 'x');
    while (out.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void make_room() const { std::filesystem::remove(folder_ + "/filler"); }

 private:
  std::string folder_;
  bool is_there_ = false;
};

inline constexpr auto no_mount = "SKIPPED: cannot here: mount() is not permitted";

}  // namespace baton::local::testing
