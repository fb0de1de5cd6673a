#include "room_rules.hpp"

#include <algorithm>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

namespace baton::layers {
namespace {

const room* find_room(const std::vector<room>& rooms, std::string_view name) {
  const auto found = std::ranges::find(rooms, name, &room::name);
  return found == rooms.end() ? nullptr : &*found;
}

bool contains(const std::vector<std::string>& names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

const source_file* find_file(const std::vector<source_file>& files, std::string_view path) {
  const auto found = std::ranges::find(files, path, &source_file::path);
  return found == files.end() ? nullptr : &*found;
}

// framework/lock/src/name.cpp → lock; nothing for a file that is in no room.
std::optional<std::string> part_after(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return std::nullopt;
  path.remove_prefix(prefix.size());
  const auto slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  return std::string(path.substr(0, slash));
}

bool is_source(std::string_view path) {
  return path.ends_with(".cpp") || path.ends_with(".hpp") || path.ends_with(".c") || path.ends_with(".h");
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "nothing" : out;
}

bool is_listed(const std::vector<source_file>& files, const std::string& folder, const std::string& name) {
  const auto* list = find_file(files, folder + "/CMakeLists.txt");
  return list != nullptr && list->text.find(name) != std::string::npos;
}

}  // namespace

std::vector<room> parse_layers(std::string_view text) {
  std::vector<room> rooms;
  for (const auto& line : lines_of(text)) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    room row;
    words >> row.floor >> row.name;
    for (std::string word; words >> word;)
      if (word != "-") row.may_include.push_back(word);
    rooms.push_back(row);
  }
  return rooms;
}

std::vector<violation> check_table(const std::vector<room>& rooms) {
  std::vector<violation> found;
  std::set<std::string> above;
  for (const auto& row : rooms) {
    for (const auto& name : row.may_include) {
      const auto* other = find_room(rooms, name);
      if (other == nullptr) {
        found.push_back({"table", "framework/LAYERS", 0, row.name + " names " + name + ", which has no row"});
      } else if (other->floor > row.floor || !above.contains(name)) {
        found.push_back(
            {"table", "framework/LAYERS", 0, row.name + " names " + name + ", which is not below it: turn the dependency round"});
      }
    }
    if (!above.insert(row.name).second) found.push_back({"table", "framework/LAYERS", 0, row.name + " has two rows"});
  }
  return found;
}

std::vector<violation> check_rooms(const std::vector<room>& rooms, const std::vector<std::string>& folders,
                                   const std::vector<source_file>& framework) {
  std::vector<violation> found;
  for (const auto& folder : folders)
    if (find_room(rooms, folder) == nullptr)
      found.push_back({"room", "framework/" + folder, 0, "has no row in framework/LAYERS: add one, or move the code into a room that has"});
  for (const auto& row : rooms) {
    const auto folder = "framework/" + row.name;
    const auto* readme = find_file(framework, folder + "/README.md");
    if (find_file(framework, folder + "/CMakeLists.txt") == nullptr)
      found.push_back({"room", folder, 0, "has a row in framework/LAYERS but no CMakeLists.txt"});
    if (readme == nullptr) {
      found.push_back({"room", folder, 0, "has no README.md: say in 10-30 lines what it is, what it is not, where to start reading"});
    } else if (const auto count = lines_of(readme->text).size(); count < 10 || count > 30) {
      found.push_back({"room", readme->path, 0, "has " + std::to_string(count) + " lines, a room's README has 10-30"});
    }
  }
  for (const auto& file : framework) {
    const auto name = part_after(file.path, "framework/");
    if (!name || !file.path.ends_with(".cpp")) continue;
    const auto folder = "framework/" + *name;
    if (!is_listed(framework, folder, file.path.substr(folder.size() + 1)))
      found.push_back({"room", file.path, 0, "is in no SOURCES of " + folder + "/CMakeLists.txt: list it or remove it"});
  }
  return found;
}

std::vector<violation> check_includes(const std::vector<room>& rooms, const std::vector<source_file>& files) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<violation> found;
  for (const auto& file : files) {
    if (!is_source(file.path)) continue;
    const auto owner = part_after(file.path, "framework/");
    const auto* row = owner ? find_room(rooms, *owner) : nullptr;
    const bool plugin = file.path.starts_with("plugins/");
    if (row == nullptr && !plugin) continue;
    const auto lines = lines_of(code_of(file.text, strings::keep));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      std::smatch match;
      if (!std::regex_search(lines[i], match, include)) continue;
      const auto header = match[2].str();
      const auto from = part_after(header, "baton/");
      if (header.find("..") != std::string::npos) {
        found.push_back(
            {"include", file.path, i + 1, "reaches out of its folder with " + header + ": include public headers as baton/<room>/…"});
      } else if (plugin && from && *from != "sdk") {
        found.push_back({"include", file.path, i + 1, "a plugin is built against baton/sdk alone, not against " + header});
      } else if (row != nullptr && from && *from != row->name && !contains(row->may_include, *from)) {
        found.push_back({"include", file.path, i + 1,
                         "room " + row->name + " may include " + joined(row->may_include) + ", not " + header +
                             ": move the code, pass what it needs as data, or change framework/LAYERS with a reason"});
      } else if (row != nullptr && !from && match[1] == "\"" && !header.starts_with("mysql/")) {
        const auto suffix = "/" + header;
        const auto own = "framework/" + row->name + "/";
        const bool exists = std::ranges::any_of(
            files, [&](const source_file& other) { return other.path.starts_with(own) && other.path.ends_with(suffix); });
        if (!exists) found.push_back({"include", file.path, i + 1, header + " in quotes is no file of this room: use <…> for libraries"});
      }
    }
  }
  return found;
}

std::vector<violation> check_mirror(const std::vector<room>& rooms, const std::vector<source_file>& files) {
  std::vector<violation> found;
  for (const auto& file : files) {
    const auto folder = part_after(file.path, "tests/");
    if (!folder || !file.path.ends_with("_test.cpp")) continue;
    const auto leaf = file.path.substr(file.path.rfind('/') + 1);
    if (!is_listed(files, "tests/" + *folder, leaf))
      found.push_back({"mirror", file.path, 0, "is not listed in tests/" + *folder + "/CMakeLists.txt, so that it never runs"});
    if (find_room(rooms, *folder) == nullptr) continue;
    const auto stem = leaf.substr(0, leaf.size() - std::string_view("_test.cpp").size());
    const auto own = "framework/" + *folder + "/";
    const bool exists = std::ranges::any_of(files, [&](const source_file& other) {
      const auto source = other.path.substr(0, other.path.rfind('.'));
      if (other.path.starts_with(own + "src/") && stem.starts_with(source.substr(own.size() + 4) + "_")) return true;
      return other.path == own + "src/" + stem + ".cpp" || other.path == own + "src/" + stem + ".hpp" ||
             other.path == own + "include/baton/" + *folder + "/" + stem + ".hpp" ||
             other.path == own + "include/baton/" + *folder + "/" + stem + ".h";
    });
    if (!exists)
      found.push_back({"mirror", file.path, 0,
                       "mirrors neither " + own + "src/" + stem + ".cpp nor a header of that name: name it after what it tests"});
  }
  return found;
}

}  // namespace baton::layers
