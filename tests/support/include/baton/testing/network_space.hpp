#pragma once

#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace baton::testing {

/// A network namespace with one link to this one's, which can go down: a site of its own. Ends with this object.
class network_space {
 public:
  /// nullopt: not on this machine, or not by this user.
  [[nodiscard]] static std::optional<network_space> make() {
    network_space made;
    const auto in_it = "ip -n " + made.name_ + " ";
    const bool done = run("ip netns add " + made.name_) &&
                      run("ip link add " + made.link_ + " type veth peer name " + made.link_ + "g netns " + made.name_) &&
                      run("ip addr add " + made.here() + "/24 dev " + made.link_) && run("ip link set " + made.link_ + " up") &&
                      run(in_it + "addr add " + made.there() + "/24 dev " + made.link_ + "g") &&
                      run(in_it + "link set " + made.link_ + "g up") && run(in_it + "link set lo up");
    if (!done) return std::nullopt;
    return made;
  }
  network_space(network_space&& other) noexcept
      : name_(std::exchange(other.name_, {})), link_(std::move(other.link_)), network_(std::move(other.network_)) {}
  network_space& operator=(network_space&&) = delete;
  ~network_space() {
    if (name_.empty()) return;
    (void)run("ip netns del " + name_);
    (void)run("ip link del " + link_);
  }

  [[nodiscard]] std::string here() const { return network_ + ".1"; }   ///< the address of this end of the link
  [[nodiscard]] std::string there() const { return network_ + ".2"; }  ///< and of the other one
  [[nodiscard]] std::vector<std::string> prefix() const { return {"/usr/bin/env", "ip", "netns", "exec", name_}; }  ///< of a command in it
  [[nodiscard]] bool set_link(bool up) const { return run("ip link set " + link_ + (up ? " up" : " down")); }
  /// What either side sends gets lost, in silence; both keep their addresses.
  [[nodiscard]] bool cut() const { return neighbour("replace", " lladdr 02:00:00:00:00:01 nud permanent"); }
  [[nodiscard]] bool heal() const { return neighbour("del", ""); }

 private:
  network_space() = default;
  [[nodiscard]] bool neighbour(const std::string& verb, const std::string& rest) const {
    return run("ip neigh " + verb + " " + there() + rest + " dev " + link_) &&
           run("ip -n " + name_ + " neigh " + verb + " " + here() + rest + " dev " + link_ + "g");
  }
  [[nodiscard]] static bool run(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }

  std::string name_ = "baton-" + std::to_string(::getpid());
  std::string link_ = "bh" + std::to_string(::getpid() % 1'000'000);
  std::string network_ = "10.231." + std::to_string(::getpid() % 250);
};

}  // namespace baton::testing
