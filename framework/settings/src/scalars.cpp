#include "scalars.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "suggest.hpp"

namespace baton::settings {
namespace {

struct size_unit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::array<size_unit, 9> size_units{{{"TiB", 1LL << 40},
                                               {"GiB", 1LL << 30},
                                               {"MiB", 1LL << 20},
                                               {"KiB", 1LL << 10},
                                               {"TB", 1'000'000'000'000},
                                               {"GB", 1'000'000'000},
                                               {"MB", 1'000'000},
                                               {"kB", 1'000},
                                               {"B", 1}}};

constexpr std::size_t largest_secret = 65536;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name(std::string_view text) { return !text.empty() && !is_digit(text.front()) && is_spelled_with(text, "A-Za-z0-9_"); }

std::variant<std::string, refusal> expand(std::string_view inside) {
  const auto colon = inside.find(':');
  const auto name = std::string{inside.substr(0, colon)};
  if (!is_name(name)) {
    return refusal{in_quotes("${" + std::string{inside} + "}") + " does not name a variable", "write ${NAME}, or $$ for a dollar sign"};
  }
  const char* value = std::getenv(name.c_str());
  if (colon == std::string_view::npos) {
    if (value != nullptr) return std::string{value};
    return refusal{"the environment variable " + name + " is not set", "set it, or write ${" + name + ":-default}"};
  }
  const auto how = inside.substr(colon, 2);
  const auto rest = inside.substr(std::min(colon + 2, inside.size()));
  if (how != ":-" && how != ":?") {
    return refusal{in_quotes("${" + std::string{inside} + "}") + " is not understood",
                   "write ${" + name + ":-default} or ${" + name + ":?message}"};
  }
  if (value != nullptr && *value != '\0') return std::string{value};
  if (how == ":-") return std::string{rest};
  return refusal{"the environment variable " + name + " is not set" + (rest.empty() ? "" : ": " + std::string{rest}), {}};
}

std::variant<std::string, refusal> read_secret_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{std::fopen(path.c_str(), "re"), &std::fclose};
  const auto refused = [&] {
    return refusal{path + " cannot be read: " + std::strerror(errno), "name a file that the account of Baton may read"};
  };
  if (!file) return refused();
  std::string text(largest_secret + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return refused();
  if (text.size() > largest_secret) return refusal{path + " is larger than 64 KiB", {}};
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  if (text.find('\0') != std::string::npos) return refusal{path + " contains a byte of zero", {}};
  return text;
}

}  // namespace

std::variant<std::string, refusal> interpolate(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size() || (text[i + 1] != '$' && text[i + 1] != '{')) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += '$';
      ++i;
      continue;
    }
    const auto end = text.find('}', i);
    if (end == std::string_view::npos) return refusal{"'${' has no '}'", "close it, or write $${ for the text ${"};
    auto value = expand(text.substr(i + 2, end - i - 2));
    if (auto* bad = std::get_if<refusal>(&value)) return std::move(*bad);
    out += std::get<std::string>(value);
    i = end;
  }
  return out;
}

std::variant<std::int64_t, refusal> read_integer(std::string_view text, bool quoted_text, std::int64_t minimum, std::int64_t maximum) {
  const auto range = minimum == maximum ? "must be " + std::to_string(minimum)
                                        : "must be an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum);
  const bool is_negative = text.starts_with('-');
  const auto digits = text.substr(is_negative ? 1 : 0);
  const bool is_decimal = !digits.empty() && std::all_of(digits.begin(), digits.end(), is_digit);
  if (quoted_text) {
    return refusal{range + ", not text in quotes", is_decimal ? "write " + std::string{text} + " without quotes" : ""};
  }
  if (!is_decimal) {
    std::string plain{text};
    std::erase_if(plain, [](char c) { return c == '_' || c == ',' || c == '+'; });
    const bool is_grouped = plain.size() < text.size() && !plain.empty() && std::all_of(plain.begin(), plain.end(), is_digit);
    return refusal{range + ", got " + in_quotes(text), is_grouped ? "write " + plain : ""};
  }
  if (digits.size() > 1 && digits.front() == '0') {
    return refusal{range + ", got " + in_quotes(text) + ": some read a leading zero as octal", "write it without the leading zero"};
  }
  if (digits.size() > 18) return refusal{range + ", got " + in_quotes(text), {}};
  std::int64_t value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  if (is_negative) value = -value;
  if (value < minimum || value > maximum) return refusal{range + ", got " + in_quotes(text), {}};
  return value;
}

std::variant<std::int64_t, refusal> read_size(std::string_view text, std::int64_t minimum, std::int64_t maximum) {
  const auto range = "must be a size from " + size_text(minimum) + " to " + size_text(maximum) + ", got " + in_quotes(text);
  const auto digits = text.substr(0, std::min(text.find_first_not_of("0123456789"), text.size()));
  const auto unit_text = text.substr(digits.size());
  if (digits.empty() || digits.size() > 15) return refusal{range, "write a number and a unit, such as 512MiB or 2GiB"};
  const auto unit = std::ranges::find(size_units, unit_text, &size_unit::name);
  if (unit == size_units.end()) {
    const auto number = std::string{digits};
    return refusal{range, unit_text.empty() ? "write " + number + "MiB, " + number + "KiB or " + number + "B"
                                            : "units are B, KiB, MiB, GiB and TiB, or kB, MB, GB and TB"};
  }
  std::int64_t bytes = 0;
  for (const char c : digits) bytes = bytes * 10 + (c - '0');
  if (bytes > maximum / unit->bytes || bytes * unit->bytes < minimum) return refusal{range, {}};
  return bytes * unit->bytes;
}

std::string size_text(std::int64_t bytes) {
  const auto unit = std::ranges::find_if(size_units, [&](const auto& u) { return bytes >= u.bytes && bytes % u.bytes == 0; });
  if (unit == size_units.end()) return std::to_string(bytes) + "B";
  return std::to_string(bytes / unit->bytes) + std::string{unit->name};
}

std::variant<bool, refusal> read_boolean(std::string_view text, bool quoted_text) {
  if (!quoted_text && (text == "true" || text == "false")) return text == "true";
  std::string low{text};
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  std::string hint;
  if (low == "true" || low == "yes" || low == "on" || low == "y" || low == "1") hint = "write true";
  if (low == "false" || low == "no" || low == "off" || low == "n" || low == "0") hint = "write false";
  return refusal{"must be true or false, " + (quoted_text ? std::string{"not text in quotes"} : "got " + in_quotes(text)), hint};
}

bool is_spelled_with(std::string_view text, std::string_view alphabet) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
      if (i + 2 < alphabet.size() && alphabet[i + 1] == '-') {
        if (c >= alphabet[i] && c <= alphabet[i + 2]) return true;
        i += 2;
      } else if (c == alphabet[i]) {
        return true;
      }
    }
    return false;
  });
}

bool is_reference(const node& n) {
  if (n.type != node::kind::map || n.keys.size() != 1 || n.values[0].type != node::kind::scalar) return false;
  const auto& kind = n.keys[0].text;
  return kind == "credential" || kind == "file" || kind == "env";
}

std::variant<std::string, refusal> resolve_reference(const node& n) {
  const auto& kind = n.keys[0].text;
  auto target = interpolate(n.values[0].text);
  if (auto* bad = std::get_if<refusal>(&target)) return std::move(*bad);
  const auto& name = std::get<std::string>(target);
  if (name.empty() || name.find('\0') != std::string::npos) return refusal{"the " + kind + " has no name", {}};
  if (kind == "env") {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return refusal{"the environment variable " + in_quotes(name) + " is not set", "set it where Baton is started"};
    return std::string{value};
  }
  if (kind == "file") return read_secret_file(n.at.in->resolve(name));
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
  if (directory == nullptr) {
    return refusal{"there is no credential " + in_quotes(name) + ": $CREDENTIALS_DIRECTORY is not set",
                   "systemd sets it, by LoadCredential=" + name +
                       ":FILE in the unit; in a shell, as root: CREDENTIALS_DIRECTORY=/etc/baton/credentials baton ..."};
  }
  if (name.find('/') != std::string::npos)
    return refusal{"the credential " + in_quotes(name) + " has a '/' in its name", "for a path write {file: PATH}"};
  return read_secret_file(std::string{directory} + "/" + name);
}

}  // namespace baton::settings
