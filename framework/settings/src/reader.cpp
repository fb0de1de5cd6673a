#include "reader.hpp"

#include <algorithm>
#include <utility>

#include "baton/base/suggest.hpp"
#include "scalars.hpp"
#include "suggest.hpp"

namespace baton::settings {
namespace {

constexpr std::string_view job_row = "jobs.*";
constexpr std::string_view name_alphabet = "A-Za-z0-9._-";
constexpr std::size_t longest_name = 64;

std::string joined(std::string_view path, std::string_view name) {
  return path.empty() ? std::string{name} : std::string{path} + "." + std::string{name};
}

const key* find_row(std::string_view parent, std::string_view name) {
  const auto path = joined(parent, name);
  for (const auto& row : keys()) {
    if (row.path == path) return &row;
  }
  return nullptr;
}

/// The last part of a row's path if the row is a direct child of `parent`.
std::optional<std::string_view> child_name(const key& row, std::string_view parent) {
  auto rest = row.path;
  if (!parent.empty()) {
    if (!rest.starts_with(parent) || rest.size() <= parent.size() || rest[parent.size()] != '.') return std::nullopt;
    rest.remove_prefix(parent.size() + 1);
  }
  if (rest.find('.') != std::string_view::npos || rest == "*") return std::nullopt;
  return rest;
}

std::string fold(std::string_view name) {
  std::string out{name};
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

std::string where_text(const place& at) {
  const auto m = at.in->mark_of(at);
  return m.file + ":" + std::to_string(m.line) + ":" + std::to_string(m.column);
}

/// A key of another section that was probably meant.
std::string slip_elsewhere(std::string_view word) {
  std::vector<std::string_view> names;
  for (const auto& row : keys()) names.push_back(row.path.substr(row.path.rfind('.') + 1));
  const auto meant = suggest(word, names);
  for (const auto& row : keys()) {
    if (meant.empty() || row.path.substr(row.path.rfind('.') + 1) != meant) continue;
    std::string path{row.path};
    if (const auto star = path.find('*'); star != std::string::npos) path.replace(star, 1, "NAME");
    return "did you mean '" + path + "'?";
  }
  return {};
}

bool is_job_only(std::string_view name) { return name == "schedule" || name == "plugin" || name == "with"; }

}  // namespace

const place* reader::given(const std::string& path) const {
  const auto found = given_.find(path);
  return found == given_.end() ? nullptr : &found->second;
}

const place* reader::given_for(const job& j, const std::string& key) const {
  const auto* own = given("jobs." + j.name + "." + key);
  return own != nullptr ? own : given("defaults." + key);
}

const place& reader::place_of(const std::string& path, const place& otherwise) const {
  const auto* found = given(path);
  return found == nullptr ? otherwise : *found;
}

void reader::read_main(const node& root, std::vector<std::string>& includes) {
  // Defaults first: jobs start from them, wherever they stand in the file.
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    if (root.keys[i].text == "defaults") read_defaults(root.values[i], "defaults");
  }
  read_section(root, {}, {}, {root.at.in, 1, 1}, scope::main, nullptr);
  for (std::size_t i = 0; i < root.keys.size(); ++i) {
    if (root.keys[i].text != "include" || root.values[i].type != node::kind::list) continue;
    for (const auto& item : root.values[i].values) {
      auto text = interpolate(item.text);
      if (auto* pattern = std::get_if<std::string>(&text); pattern != nullptr && item.type == node::kind::scalar)
        includes.push_back(*pattern);
    }
  }
}

void reader::read_include(const node& root) { read_section(root, {}, {}, {root.at.in, 1, 1}, scope::include, nullptr); }

bool reader::check_entry(const node& k, const std::string& path, std::map<std::string, place>& seen) {
  if (k.type != node::kind::scalar) {
    report_.error(k.at, path, "a key must be a word");
    return false;
  }
  if (k.text == "<<" && !k.quoted) {
    report_.error(k.at, path, "merging with '<<' is not supported", "write what jobs have in common under defaults:");
    return false;
  }
  const auto [first, is_new] = seen.emplace(k.text, k.at);
  if (is_new) return true;
  report_.error(k.at, joined(path, k.text), "given twice; first at " + where_text(first->second), "remove one of them");
  return false;
}

void reader::read_section(const node& map, std::string_view row, const std::string& path, const place& named_at, scope where, job* to) {
  if (map.type != node::kind::map) {
    const bool is_root = path.empty();
    report_.error(map.at, path, map.type == node::kind::null ? "is empty; keys are expected" : "must be a map of keys",
                  is_root ? "begin with: version: 1" : "write each key on its own line below, indented, as key: value");
    return;
  }
  std::map<std::string, place> seen;
  std::set<std::string> meant;  // a misspelt key is one error, not also a missing key
  bool is_merged = false;
  std::vector<std::size_t> schedules;  // last: a time zone belongs to them, wherever it stands
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    is_merged = is_merged || map.keys[i].text == "<<";
    if (!check_entry(map.keys[i], path, seen)) continue;
    if (row == job_row && map.keys[i].text == "schedule") {
      schedules.push_back(i);
    } else {
      meant.insert(read_key(map.keys[i], map.values[i], row, path, where, to));
    }
  }
  for (const auto i : schedules) meant.insert(read_key(map.keys[i], map.values[i], row, path, where, to));
  if (where != scope::main || is_merged) return;
  for (const auto& candidate : keys()) {
    const auto name = child_name(candidate, row);
    if (!name || !candidate.is_required || meant.contains(std::string{*name})) continue;
    report_.error(named_at, path, "the key '" + std::string{*name} + "' is missing", "add " + std::string{*name} + ": ...");
  }
}

template <typename Add>
void reader::read_named(const node& n, const std::string& path, std::string_view row, std::string_view of, const std::string& example,
                        Add add) {
  if (n.type != node::kind::map) {
    report_.error(n.at, path, "must be a map from names to " + std::string{of} + "s",
                  "write each " + std::string{of} + " as NAME: " + example);
    return;
  }
  std::map<std::string, place> seen;
  for (std::size_t i = 0; i < n.keys.size(); ++i) {
    const auto& name = n.keys[i];
    if (!check_entry(name, path, seen)) continue;
    const auto full = checked_name(name, path, of);
    if (!full) continue;
    add(name.text);
    read_section(n.values[i], row, *full, name.at, scope::main, nullptr);
  }
}

std::string reader::read_key(const node& k, const node& v, std::string_view row, const std::string& path, scope where, job* to) {
  const auto* found = find_row(row, k.text);
  if (found == nullptr) return report_unknown(k, row, path);
  const auto full = joined(path, k.text);
  if (where == scope::include && row.empty() && k.text != "jobs" && k.text != "version") {
    report_.error(k.at, full, "belongs to the main file; an included file holds jobs");
  } else if (where == scope::defaults && row == job_row && is_job_only(k.text)) {
    report_.error(k.at, full, "cannot be a default; each job has its own");
  } else if (v.type == node::kind::null) {
    if (full == "store") result.has_store = true;
    report_.error(k.at, full, "has no value",
                  found->fallback.empty() ? "give it one, or remove the key" : "the default is " + std::string{found->fallback});
  } else {
    given_.emplace(full, v.at);
    switch (found->type) {
      case key_type::section:
        if (full == "store") result.has_store = true;
        read_section(v, found->path, full, k.at, where, to);
        break;
      case key_type::jobs: read_jobs(v, full); break;
      case key_type::calendars:
        read_named(v, full, "calendars.*", "calendar", "{dates: [2026-12-25]}", [this](const std::string& name) {
          result.calendars.push_back({name, {}});
        });
        break;
      case key_type::tags:
        read_named(v, full, "tags.*", "tag", "{max_running: 2}", [this](const std::string& name) { result.tags.push_back({name, 1}); });
        break;
      case key_type::job_defaults: break;  // read before
      default: read_value(*found, v, full, to);
    }
  }
  return k.text;
}

void reader::read_value(const key& row, const node& n, const std::string& path, job* to) {
  reading_ = to;
  auto made = checked(row, n, path);
  if (!made) return;
  const auto* f = find_field(row.path);
  BATON_ASSERT(f != nullptr);  // a test walks the table
  if (to == nullptr) {
    f->set(result, *std::move(made));
    return;
  }
  f->set_job(*to, *std::move(made));
  if (row.path == "jobs.*.plugin") to->plugin_where = n.at.in->mark_of(n.at);
}

std::optional<std::string> reader::checked_name(const node& name, const std::string& path, std::string_view of) {
  auto full = joined(path, in_quotes(name.text) == "'" + name.text + "'" ? name.text : in_quotes(name.text));
  if (!name.text.empty() && name.text.size() <= longest_name && is_spelled_with(name.text, name_alphabet)) return full;
  report_.error(name.at, full, "a " + std::string{of} + "'s name has 1 to 64 of A-Z a-z 0-9 . _ -");
  return std::nullopt;
}

void reader::read_jobs(const node& n, const std::string& path) {
  if (n.type != node::kind::map) {
    report_.error(n.at, path, "must be a map from names to jobs", "write each job as NAME: with its keys below");
    return;
  }
  for (std::size_t i = 0; i < n.keys.size(); ++i) {
    const auto& name = n.keys[i];
    if (name.type != node::kind::scalar || name.text == "<<") {
      std::map<std::string, place> unused;
      check_entry(name, path, unused);
      continue;
    }
    const auto named = checked_name(name, path, "job");
    if (!named) continue;
    const auto& full = *named;
    if (const auto [first, is_new] = jobs_.emplace(name.text, name.at); !is_new) {
      report_.error(name.at, full, "already defined at " + where_text(first->second), "give it another name");
      continue;
    }
    if (const auto [first, is_new] = folded_.emplace(fold(name.text), name.text); !is_new) {
      report_.error(name.at, full, "differs only in case from '" + first->second + "' at " + where_text(jobs_.at(first->second)),
                    "give it another name");
      continue;
    }
    job made = prototype_;
    made.name = name.text;
    made.where = name.at.in->mark_of(name.at);
    made.with_where = made.where;
    made.plugin_where = made.where;
    const auto before = report_.problems.size();
    read_section(n.values[i], job_row, full, name.at, scope::main, &made);
    if (made.lock_name.empty()) made.lock_name = made.name;
    if (!given(full + ".schedule") && made.after.empty() && report_.problems.size() == before) {
      report_.warning(name.at, full, "has no schedule, so it never runs by itself", "schedule: \"0 2 * * *\"");
    }
    result.jobs.push_back(std::move(made));
  }
}

void reader::read_defaults(const node& n, const std::string& path) {
  if (n.type == node::kind::null) return;  // reported by read_key
  read_section(n, job_row, path, n.at, scope::defaults, &prototype_);
}

std::string reader::report_unknown(const node& k, std::string_view row, const std::string& path) {
  std::vector<std::string_view> siblings;
  for (const auto& candidate : keys()) {
    if (const auto name = child_name(candidate, row)) siblings.push_back(*name);
  }
  const auto meant = suggest(k.text, siblings);
  auto hint = meant.empty() ? std::string{} : "did you mean '" + meant + "'?";
  if (hint.empty()) {
    for (const auto& candidate : keys()) {
      const auto dot = candidate.path.rfind('.');
      if (dot == std::string_view::npos || candidate.path.substr(dot + 1) != k.text) continue;
      auto home = std::string{candidate.path.substr(0, dot)};
      if (const auto star = home.find('*'); star != std::string::npos) home.replace(star, 1, "NAME");
      hint = "it belongs to " + home;
      if (home == "jobs.NAME" && !is_job_only(k.text)) hint += " or defaults";
      break;
    }
  }
  if (hint.empty()) hint = slip_elsewhere(k.text);
  if (hint.empty()) hint = "man baton.yaml lists the keys";
  report_.error(k.at, path, "unknown key " + in_quotes(k.text), std::move(hint));
  return meant;
}

}  // namespace baton::settings
