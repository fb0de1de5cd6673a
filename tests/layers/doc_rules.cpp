#include "doc_rules.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <regex>
#include <set>

namespace baton::layers {
namespace {

struct fence {
  std::size_t line = 0;  // of the opening fence
  std::string language;
  std::string marker;  // what stands in <!-- from: … --> on the line above
  std::string body;
};

std::vector<fence> fences_of(const source_file& page) {
  static const std::regex marker(R"(^<!-- from: (\S+) -->$)");
  std::vector<fence> fences;
  std::optional<fence> open;
  std::string above;
  std::size_t number = 0;
  for (const auto& line : lines_of(page.text)) {
    ++number;
    if (!line.starts_with("```")) {
      if (open) open->body += line + "\n";
    } else if (open) {
      fences.push_back(*open);
      open.reset();
    } else {
      std::smatch match;
      open = fence{number, line.substr(3), std::regex_match(above, match, marker) ? match[1].str() : "", ""};
    }
    above = trimmed(line);
  }
  return fences;
}

// Text of a page outside its fenced blocks, same lines.
std::vector<std::string> prose_of(const source_file& page) {
  auto lines = lines_of(page.text);
  bool inside = false;
  for (auto& line : lines) {
    const bool edge = line.starts_with("```");
    if (inside || edge) line.clear();
    if (edge) inside = !inside;
  }
  return lines;
}

// GitHub's anchor of a heading.
std::string anchor_of(std::string_view heading) {
  std::string out;
  for (const char c : heading) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_') {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (c == ' ') {
      out += '-';
    }
  }
  return out;
}

std::set<std::string> anchors_of(const source_file& page) {
  std::set<std::string> anchors;
  for (const auto& line : prose_of(page))
    if (line.starts_with('#')) anchors.insert(anchor_of(trimmed(line.substr(line.find_first_not_of('#')))));
  return anchors;
}

std::optional<violation> check_copy(const source_file& page, const fence& block, const std::vector<source_file>& files) {
  const auto hash = block.marker.find('#');
  const auto path = block.marker.substr(0, hash);
  const auto file = std::ranges::find(files, path, &source_file::path);
  if (file == files.end()) return violation{"snippet", page.path, block.line, "comes from " + path + ", which does not exist"};
  const auto source = hash == std::string::npos ? file->text : region_of(file->text, block.marker.substr(hash + 1));
  if (source.empty())
    return violation{"snippet", page.path, block.line,
                     "comes from " + block.marker + ", but the file has no two lines `// [region]` of that name"};
  if (source != block.body)
    return violation{"snippet", page.path, block.line, "differs from " + block.marker + ", which now reads:\n" + source};
  return std::nullopt;
}

std::optional<violation> check_commands(const source_file& page, const fence& block) {
  using words = std::set<std::string, std::less<>>;
  static const words known{"./dev",
                           ".ci/run",
                           "apt-get",
                           "baton",
                           "build/release/bin/baton",
                           "cat",
                           "cd",
                           "cmake",
                           "cp",
                           "ctest",
                           "curl",
                           "deploy/build_packages.sh",
                           "docker",
                           "export",
                           "git",
                           "kill",
                           "kubectl",
                           "mysql",
                           "ninja",
                           "promtool",
                           "sudo",
                           "systemctl"};
  static const words verbs{"setup", "build", "test", "demo", "bench", "check", "clean"};
  bool continued = false;
  auto number = block.line;
  for (const auto& line : lines_of(block.body)) {
    ++number;
    const bool first = !continued;
    continued = line.ends_with('\\');
    const auto text = trimmed(line);
    if (!first || text.empty() || text.starts_with('#')) continue;
    const auto command = text.substr(0, text.find(' '));
    if (!known.contains(command))
      return violation{"snippet", page.path, number,
                       "runs '" + command +
                           "': take it from a file (<!-- from: path -->) or add it to the known commands in tests/layers/doc_rules.cpp"};
    const auto rest = trimmed(std::string_view(text).substr(command.size()));
    if (command == "./dev" && !verbs.contains(rest.substr(0, rest.find(' '))))
      return violation{"snippet", page.path, number, "./dev has no verb '" + rest + "'"};
  }
  return std::nullopt;
}

// The text of the comments alone, same length.
std::string comments_of(const std::string& text) {
  const auto code = code_of(text, strings::keep);
  auto out = text;
  for (std::size_t i = 0; i < out.size(); ++i)
    if (code[i] == text[i] && text[i] != '\n') out[i] = ' ';
  return out;
}

struct proof {
  std::size_t line = 0;  // of the heading "### G<n>"
  std::vector<std::pair<std::size_t, std::string>> tests;
  bool is_open = false;  // "Not yet proven"
};

proof proof_of(const std::vector<std::string>& lines, const std::string& guarantee) {
  static const std::regex test("`(\\w+\\.\\w+)`");
  proof found;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i] == "### " + guarantee) {
      found.line = i + 1;
    } else if (lines[i].starts_with('#')) {
      if (found.line != 0) break;
    } else if (found.line != 0) {
      found.is_open = found.is_open || lines[i].find("Not yet proven") != std::string::npos;
      for (auto it = std::sregex_iterator(lines[i].begin(), lines[i].end(), test); it != std::sregex_iterator(); ++it)
        found.tests.emplace_back(i + 1, (*it)[1].str());
    }
  }
  return found;
}

}  // namespace

std::string region_of(std::string_view text, std::string_view name) {
  std::string out;
  std::vector<std::string> body;
  static const std::regex range("L([0-9]+)-L([0-9]+)");
  std::cmatch lines;
  if (std::regex_match(name.data(), name.data() + name.size(), lines, range)) {
    auto all = lines_of(text);
    const auto last = std::min<std::size_t>(std::stoul(lines[2]), all.size());
    for (std::size_t i = std::stoul(lines[1]); i >= 1 && i <= last; ++i) out += all[i - 1] + "\n";
    return out;
  }
  int marks = 0;
  for (const auto& line : lines_of(text)) {
    const auto bare = trimmed(line);
    if (bare == "// [" + std::string(name) + "]" || bare == "# [" + std::string(name) + "]") {
      ++marks;
    } else if (marks == 1) {
      body.push_back(line);
    }
  }
  if (marks != 2) return {};
  auto indent = std::string::npos;
  for (const auto& line : body) indent = std::min(indent, line.find_first_not_of(' '));
  for (const auto& line : body) out += (line.size() > indent ? line.substr(indent) : "") + "\n";
  return out;
}

std::vector<violation> check_snippets(const std::vector<source_file>& pages, const std::vector<source_file>& files) {
  static const std::set<std::string, std::less<>> copied{"c", "cpp", "c++", "cmake", "sql", "yaml", "yml", "sh", "bash"};
  std::vector<violation> found;
  for (const auto& page : pages) {
    for (const auto& block : fences_of(page)) {
      std::optional<violation> wrong;
      if (!block.marker.empty()) {
        wrong = check_copy(page, block, files);
      } else if (block.language == "sh" || block.language == "bash") {
        wrong = check_commands(page, block);
      } else if (copied.contains(block.language)) {
        wrong = violation{"snippet", page.path, block.line,
                          "is code that nothing compiles: put it into a file that is built or read by a test and write <!-- from: "
                          "path#region --> above the fence"};
      }
      if (wrong) found.push_back(*wrong);
    }
  }
  return found;
}

std::vector<violation> check_links(const std::vector<source_file>& pages, const std::string& root) {
  namespace fs = std::filesystem;
  static const std::regex link(R"(\]\(([^)\s]+)\))");
  std::vector<violation> found;
  for (const auto& page : pages) {
    const auto lines = prose_of(page);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      for (auto it = std::sregex_iterator(lines[i].begin(), lines[i].end(), link); it != std::sregex_iterator(); ++it) {
        const auto target = (*it)[1].str();
        if (target.starts_with("http://") || target.starts_with("https://") || target.starts_with("mailto:")) continue;
        const auto hash = target.find('#');
        const auto file = target.substr(0, hash);
        const auto path = file.empty() ? page.path : (fs::path(page.path).parent_path() / file).lexically_normal().generic_string();
        if (!fs::exists(fs::path(root) / path)) {
          found.push_back({"link", page.path, i + 1, "leads to " + path + ", which does not exist"});
        } else if (hash != std::string::npos && path.ends_with(".md")) {
          const auto other = read_tree(root, {path});
          if (!other.empty() && !anchors_of(other.front()).contains(target.substr(hash + 1)))
            found.push_back({"link", page.path, i + 1, path + " has no heading for " + target.substr(hash)});
        }
      }
    }
  }
  return found;
}

std::vector<named_test> tests_in(const std::vector<source_file>& files) {
  static const std::regex test(R"(\bTEST(_F|_P)?\s*\(\s*(\w+)\s*,\s*(\w+))");
  std::vector<named_test> found;
  for (const auto& file : files) {
    if (file.path.starts_with("tests/layers/") || !file.path.ends_with(".cpp")) continue;
    const auto code = code_of(file.text, strings::blank);
    for (auto it = std::sregex_iterator(code.begin(), code.end(), test); it != std::sregex_iterator(); ++it)
      found.push_back({(*it)[2].str() + "." + (*it)[3].str(), file.path});
  }
  return found;
}

std::map<int, std::set<claim_of_guarantee>> claims_of_guarantees(const std::vector<source_file>& files) {
  static const std::regex in_name(R"((^|[._])g([0-9]+)_)");
  static const std::regex in_comment(R"((^|\W)G([0-9]+)\b)");
  std::map<int, std::set<claim_of_guarantee>> found;
  const auto note = [&](const std::string& text, const std::regex& number, const claim_of_guarantee& who) {
    for (auto g = std::sregex_iterator(text.begin(), text.end(), number); g != std::sregex_iterator(); ++g)
      found[std::stoi((*g)[2])].insert(who);
  };
  const auto tests = tests_in(files);
  for (const auto& test : tests) note(test.name, in_name, {test.path, test.name});
  for (const auto& file : files)
    if (std::ranges::any_of(tests, [&](const named_test& test) { return test.path == file.path; }))
      note(comments_of(file.text), in_comment, {file.path, ""});
  return found;
}

std::vector<violation> check_guarantees(const source_file& page, const std::vector<source_file>& files, int count) {
  std::vector<violation> found;
  const auto lines = lines_of(page.text);
  const auto tests = tests_in(files);
  auto claims = claims_of_guarantees(files);
  for (int n = 1; n <= count; ++n) {
    const auto name = "G" + std::to_string(n);
    if (std::ranges::none_of(lines, [&](const std::string& line) { return line.starts_with("| **" + name + " "); }))
      found.push_back({"guarantee", page.path, 0, name + " has no row"});
    const auto proof = proof_of(lines, name);
    if (proof.tests.empty() && !proof.is_open)
      found.push_back({"guarantee", page.path, proof.line,
                       name + " is promised, but no test is named below \"### " + name +
                           "\": name one, or write \"Not yet proven\" and what brings the proof"});
    if (!proof.tests.empty() && proof.is_open)
      found.push_back({"guarantee", page.path, proof.line, name + " is called not yet proven, but tests are named: say what is open"});
    for (const auto& [line, test] : proof.tests) {
      const auto known = std::ranges::find(tests, test, &named_test::name);
      if (known == tests.end()) found.push_back({"guarantee", page.path, line, name + " names " + test + ", which is no test"});
    }
    for (const auto& test : tests) {
      if (std::ranges::none_of(proof.tests, [&](const auto& named) { return named.second == test.name; })) continue;
      claims[n].erase({test.path, test.name});
      claims[n].erase({test.path, ""});
    }
    for (const auto& [path, test] : claims[n])
      found.push_back({"guarantee", path, 0,
                       (test.empty() ? "has tests of " + name + ", and none of them is" : test + " is a test of " + name + ", and is not") +
                           " named below \"### " + name + "\" in " + page.path});
  }
  return found;
}

std::vector<violation> check_scenarios(const source_file& page, const std::vector<source_file>& files, const std::set<int>& numbers) {
  static const std::regex in_name(R"((^|[._])s([0-9]+)(?=_))");
  static const std::regex test_name("`(\\w+\\.\\w+)`");
  std::vector<violation> found;
  std::map<int, std::pair<std::size_t, std::set<std::string>>> rows;
  const auto lines = lines_of(page.text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::smatch row;
    static const std::regex number(R"(\| S([0-9]+) \|.*)");
    if (!std::regex_match(lines[i], row, number)) continue;
    auto& [line, tests] = rows[std::stoi(row[1])];
    line = i + 1;
    for (auto it = std::sregex_iterator(lines[i].begin(), lines[i].end(), test_name); it != std::sregex_iterator(); ++it)
      tests.insert((*it)[1].str());
  }
  std::map<int, std::set<std::string>> carried;
  std::set<std::string> known;
  for (const auto& test : tests_in(files)) {
    known.insert(test.name);
    for (auto it = std::sregex_iterator(test.name.begin(), test.name.end(), in_name); it != std::sregex_iterator(); ++it) {
      const int n = std::stoi((*it)[2]);
      carried[n].insert(test.name);
      if (!rows[n].second.contains(test.name))
        found.push_back({"scenario", test.path, 0, test.name + " is not named in the row S" + std::to_string(n) + " of " + page.path});
    }
  }
  for (const auto& [n, row] : rows) {
    for (const auto& name : row.second) {
      if (!known.contains(name))
        found.push_back({"scenario", page.path, row.first, "S" + std::to_string(n) + " names " + name + ", which is no test"});
    }
  }
  for (const int n : numbers) {
    if (carried[n].empty())
      found.push_back({"scenario", page.path, rows[n].first,
                       "no test carries s" + std::to_string(n) + "_ in its name: write one, or name the one that covers it so"});
  }
  return found;
}

}  // namespace baton::layers
