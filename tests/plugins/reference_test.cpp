#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "baton/plugin_host/parameters.hpp"
#include "baton/schedule/duration.hpp"
#include "baton/settings/settings.hpp"

namespace {

using namespace baton::plugin_host;
namespace fs = std::filesystem;

const fs::path root{BATON_SOURCE_DIR};

std::string read_file(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream{path}.rdbuf();
  return text.str();
}

plugin_description shipped(const std::string& name) {
  auto plugin = describe_plugin(BATON_SHIPPED_PLUGINS "/" + name + ".so");
  EXPECT_TRUE(plugin) << plugin.error().context;
  return plugin ? *plugin : plugin_description{};
}

std::string code(const std::string& text) { return "`" + text + "`"; }

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + code(text);
  return all;
}

std::string bound(const parameter& p, double value) {
  if (p.type != parameter_type::duration) return std::to_string(static_cast<std::int64_t>(value));
  return baton::schedule::duration_text(std::chrono::round<std::chrono::microseconds>(std::chrono::duration<double>{value}));
}

std::string type_of(const parameter& p) {
  static constexpr std::array names{"text", "integer", "number", "`true` or `false`", "duration", "list of texts", "map of texts"};
  if (!p.choices.empty()) return joined(p.choices);
  std::string text = names.at(static_cast<std::size_t>(p.type) - 1);
  if (p.minimum && p.maximum) text += ", " + bound(p, *p.minimum) + " to " + bound(p, *p.maximum);
  return text + (p.secret ? ", never shown" : "");
}

std::string default_of(const parameter& p) {
  if (p.required) return "required";
  if (!p.fallback) return "";
  if (const auto* flag = std::get_if<bool>(&*p.fallback)) return *flag ? "`true`" : "`false`";
  if (const auto* integer = std::get_if<std::int64_t>(&*p.fallback)) return code(std::to_string(*integer));
  if (const auto* length = std::get_if<baton::microseconds>(&*p.fallback)) return code(baton::schedule::duration_text(*length));
  if (const auto* list = std::get_if<text_list>(&*p.fallback)) return joined(*list);
  const auto* text = std::get_if<std::string>(&*p.fallback);
  return text == nullptr || text->empty() ? "" : code(*text);
}

std::string table_of(const plugin_description& plugin) {
  std::string out = "\n| parameter | value | default | meaning |\n|---|---|---|---|\n";
  for (const auto& p : plugin.parameters) out += "| " + code(p.name) + " | " + type_of(p) + " | " + default_of(p) + " | " + p.help + " |\n";
  return out + "\n";
}

/// The folders of plugins/ that are plugins.
std::vector<std::string> shipped_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator{root / "plugins"})
    if (fs::exists(entry.path() / "CMakeLists.txt")) names.push_back(entry.path().filename());
  return names;
}

TEST(reference, shows_the_parameters_that_each_plugin_has) {
  const std::string begin = "<!-- parameters: generated from the plugin's table -->\n";
  const std::string end = "<!-- end of parameters -->";
  for (const auto& name : shipped_names()) {
    SCOPED_TRACE(name);
    const auto page = root / ("docs/reference/plugin-" + name + ".md");
    auto text = read_file(page);
    const auto from = text.find(begin) + begin.size();
    const auto to = text.find(end);
    ASSERT_TRUE(from > begin.size() && to != std::string::npos && from <= to) << page << " has no place for the parameters";
    const auto table = table_of(shipped(name));
    if (std::getenv("BATON_UPDATE_GOLDEN") != nullptr) {
      std::ofstream{page} << text.replace(from, to - from, table);
    } else {
      EXPECT_EQ(text.substr(from, to - from), table) << "run BATON_UPDATE_GOLDEN=1 plugins_test";
    }
  }
}

raw_value to_raw(const baton::settings::with_value& v) {
  raw_value raw{{}, v.quoted, v.where.line, v.where.column};
  if (const auto* list = std::get_if<baton::settings::with_value::list>(&v.data)) {
    for (auto& items = raw.data.emplace<raw_value::list>(); const auto& item : *list) items.push_back(to_raw(item));
  } else if (const auto* map = std::get_if<baton::settings::with_value::map>(&v.data)) {
    for (auto& entries = raw.data.emplace<raw_value::map>(); const auto& [key, value] : *map) entries.push_back({key, to_raw(value)});
  } else {
    raw.data = std::get<std::string>(v.data);
  }
  return raw;
}

TEST(reference, has_examples_that_the_plugins_accept) {
  ::setenv("BATON_PASSWORD", "swordfish", 1);
  ::setenv("SHOP_PASSWORD", "swordfish", 1);
  ::setenv("BATON_ADMIN_TOKEN", "swordfish-swordfish-swordfish-swordfish", 1);
  const auto own = fs::temp_directory_path() / ("baton-config-" + std::to_string(::getpid()));  // a checkout may be somebody else's
  fs::copy(root / "config", own, fs::copy_options::recursive);
  const auto credentials = own.string() + "-credentials";
  fs::create_directory(credentials);
  std::ofstream{credentials + "/db-password"} << "swordfish\n";
  ::setenv("CREDENTIALS_DIRECTORY", credentials.c_str(), 1);
  for (const auto& entry : fs::directory_iterator{own}) {
    SCOPED_TRACE(entry.path());
    const auto loaded = baton::settings::load(entry.path());
    ASSERT_TRUE(loaded.value) << render(loaded.problems.front());
    for (const auto& job : loaded.value->jobs) {
      baton::settings::with_value with;
      with.data = job.with;
      const auto checked = check_parameters(shipped(job.plugin), to_raw(with));
      if (const auto* errors = std::get_if<std::vector<parameter_error>>(&checked))
        ADD_FAILURE() << job.name << ": " << errors->front().path << ": " << errors->front().message;
    }
  }
  fs::remove_all(own);
  fs::remove_all(credentials);
}

}  // namespace
