#include "tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "syntax_advice.hpp"

namespace baton::settings {
namespace {

constexpr std::size_t most_nodes = 500'000;  ///< aliases multiply: a file of a kilobyte can ask for 10^9
constexpr std::size_t deepest = 64;
constexpr std::size_t most_text = 8U << 20U;  ///< parsed in all retries together

struct tree_error {
  place at;
  std::string message;
};

std::size_t count_nodes(const node& n) {
  std::size_t sum = 1;
  for (const auto& k : n.keys) sum += count_nodes(k);
  for (const auto& v : n.values) sum += count_nodes(v);
  return sum;
}

class builder final : public YAML::EventHandler {
 public:
  explicit builder(const source& in) : in_(in) {}

  node take() { return std::move(root_); }
  [[nodiscard]] place start() const { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = at(mark); }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    node n;
    n.at = at(mark);
    add(std::move(n), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw tree_error{at(mark), "an alias inside the value that it stands for"};
    nodes_ += found->second.second;
    check_budget(at(mark));
    add(found->second.first, YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    node n;
    n.type = node::kind::scalar;
    n.at = at(mark);
    n.text = value;
    n.quoted = tag == "!";
    refuse_tag(tag, n.at);
    if (n.quoted) check_closed(n.at);
    add(std::move(n), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(node::kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(node::kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct level {
    node value;
    YAML::anchor_t anchor;
  };

  [[nodiscard]] place at(const YAML::Mark& mark) const {
    if (mark.is_null()) return {&in_, 1, 1};
    return {&in_, static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1};
  }

  static void refuse_tag(const std::string& tag, const place& where) {
    if (!tag.empty() && tag != "?" && tag != "!") throw tree_error{where, "YAML tags are not supported"};
  }

  void check_budget(const place& where) const {
    if (nodes_ > most_nodes)
      throw tree_error{where, "the file has more than " + std::to_string(most_nodes) + " values, aliases counted as what they stand for"};
  }

  /// yaml-cpp takes the end of the file for a closing quote.
  void check_closed(const place& where) const {
    const auto& text = in_.text();
    auto i = in_.offset(where);
    if (i >= text.size() || (text[i] != '"' && text[i] != '\'')) return;
    const char quote = text[i];
    for (++i; i < text.size(); ++i) {
      if (quote == '"' && text[i] == '\\') {
        ++i;
      } else if (text[i] == quote) {
        if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return;
        ++i;
      }
    }
    throw tree_error{where, std::string{"the quote "} + quote + " is never closed"};
  }

  void open(node::kind type, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    node n;
    n.type = type;
    n.at = at(mark);
    refuse_tag(tag, n.at);
    if (stack_.size() >= deepest) throw tree_error{n.at, "values are nested more than " + std::to_string(deepest) + " deep"};
    stack_.push_back({std::move(n), anchor});
  }

  void close() {
    auto done = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(done.value), done.anchor);
  }

  void add(node n, YAML::anchor_t anchor) {
    ++nodes_;
    check_budget(n.at);
    if (anchor != YAML::NullAnchor) {
      const auto size = count_nodes(n);
      anchors_[anchor] = {n, size};
      nodes_ += size;  // the copy
    }
    if (stack_.empty()) {
      root_ = std::move(n);
      return;
    }
    auto& parent = stack_.back().value;
    if (parent.type == node::kind::map && parent.keys.size() == parent.values.size()) {
      parent.keys.push_back(std::move(n));
      return;
    }
    if (parent.type == node::kind::map && n.type == node::kind::null) n.at = parent.keys.back().at;
    parent.values.push_back(std::move(n));
  }

  const source& in_;
  place start_;
  std::vector<level> stack_;
  std::map<YAML::anchor_t, std::pair<node, std::size_t>> anchors_;
  std::size_t nodes_ = 0;
  node root_;
};

/// One attempt. Throws tree_error and YAML::Exception.
std::optional<node> parse_text(const source& in, const std::string& text, report& out) {
  std::istringstream stream{text};
  YAML::Parser parser{stream};
  builder first{in};
  if (!parser.HandleNextDocument(first)) {
    out.error({&in, 1, 1}, {}, "the file is empty", "write at least: version: 1, cluster: NAME and one job");
    return std::nullopt;
  }
  auto root = first.take();
  builder second{in};
  if (parser.HandleNextDocument(second)) {
    out.error(second.start(), {}, "a second document begins here; a configuration is one",
              "remove the line ---, or put the rest into a file for include");
  }
  return root;
}

}  // namespace

std::optional<node> parse(const source& in, report& out) {
  std::string text = in.text();
  std::set<std::size_t> repaired;
  std::size_t parsed = 0;
  while (true) {
    parsed += text.size();
    place fault{&in, 1, 1};
    std::string words;
    const auto before = out.problems.size();
    try {
      return parse_text(in, text, out);
    } catch (const tree_error& e) {
      fault = e.at;
      words = e.message;
    } catch (const YAML::Exception& e) {
      if (!e.mark.is_null()) {
        fault.line = std::min(static_cast<std::size_t>(e.mark.line) + 1, in.line_count());
        fault.column = static_cast<std::size_t>(e.mark.column) + 1;
      }
      words = e.msg;
    }
    out.problems.resize(before);

    for (const auto number : {fault.line, fault.line - 1}) {
      if (number == 0 || repaired.contains(number)) continue;
      const auto bare = find_unquoted(in, number);
      if (!bare) continue;
      out.error(bare->at, {}, bare->message, bare->hint);
      repaired.insert(number);
      break;
    }
    if (repaired.empty() || parsed > most_text || out.problems.size() == before) {
      const auto advice = explain_syntax_error(fault, words);
      out.error(advice.at, {}, advice.message, advice.hint);
      return std::nullopt;
    }
    text = with_quotes(in, repaired);
  }
}

}  // namespace baton::settings
