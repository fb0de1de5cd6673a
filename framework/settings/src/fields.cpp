#include "fields.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "baton/schedule/duration.hpp"
#include "scalars.hpp"
#include "store_url.hpp"

namespace baton::settings {
namespace {

using text = std::optional<std::string>;

template <typename T>
T get(value& v) {
  auto* held = std::get_if<T>(&v);
  BATON_ASSERT(held != nullptr);  // the reader made it by the key's type
  return std::move(*held);
}

text show(bool b) { return b ? "true" : "false"; }
text show(std::uint32_t n) { return std::to_string(n); }
text show(std::int32_t n) { return std::to_string(n); }
text show(const std::vector<predecessor>& list) {
  if (list.empty()) return std::nullopt;
  std::string out;
  for (const auto& p : list) {
    out += out.empty() ? "[" : ", ";
    out += p.on == "success" ? yaml_text(p.job) : "{job: " + yaml_text(p.job) + ", on: " + yaml_text(p.on) + "}";
  }
  return out + "]";
}
text show(microseconds d) { return schedule::duration_text(d); }
text show(const std::string& s) {
  if (s.empty()) return std::nullopt;
  return yaml_text(s);
}
text show(const std::vector<std::string>& list) {
  if (list.empty()) return std::nullopt;
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "[" : ", ") + yaml_text(item);
  return out + "]";
}

constexpr std::array<std::string_view, 5> tls_names{"", "disabled", "required", "verify_ca", "verify_identity"};

/// Fields that are plain members: set and show follow from the member.
template <auto Member>
constexpr field of(std::string_view path) {
  return {path,
          [](settings& s, value v) {
            using type = std::remove_reference_t<decltype(s.*Member)>;
            if constexpr (std::is_same_v<type, std::uint32_t>) {
              s.*Member = static_cast<type>(get<std::int64_t>(v));
            } else {
              s.*Member = get<type>(v);
            }
          },
          [](const settings& s) { return show(s.*Member); }};
}

template <auto Member>
constexpr field of_lease(std::string_view path) {
  return {path, [](settings& s, value v) { s.lease_timing.*Member = get<microseconds>(v); },
          [](const settings& s) { return s.has_store ? show(s.lease_timing.*Member) : std::nullopt; }};
}

template <auto Member>
constexpr field of_job(std::string_view path) {
  return {path, nullptr, nullptr,
          [](job& j, value v) {
            using type = std::remove_reference_t<decltype(j.*Member)>;
            if constexpr (std::is_same_v<type, std::uint32_t> || std::is_same_v<type, std::int32_t>) {
              j.*Member = static_cast<type>(get<std::int64_t>(v));
            } else {
              j.*Member = get<type>(v);
            }
          },
          [](const job& j) { return show(j.*Member); }};
}

using day_ranges = std::vector<schedule::calendar::range>;

void add_days(settings& s, value v) {
  auto& days = s.calendars.back().days;
  std::ranges::copy(get<day_ranges>(v), std::back_inserter(days));
}

/// Of the last calendar: its single days, or its ranges.
text show_days(const settings& s, bool is_single) {
  if (s.calendars.empty()) return std::nullopt;
  const schedule::calendar merged{"", s.calendars.back().days};
  std::string out;
  for (const auto& r : merged.ranges()) {
    if ((r.first == r.last) != is_single) continue;
    out += (out.empty() ? "[" : ", ") + schedule::day_text(r.first) + (is_single ? "" : ".." + schedule::day_text(r.last));
  }
  return out.empty() ? std::nullopt : text{out + "]"};
}

constexpr std::array table{
    field{"version", [](settings&, value) {}, [](const settings&) { return text{"1"}; }},
    of<&settings::cluster>("cluster"),
    of<&settings::instance>("instance"),
    of<&settings::labels>("labels"),
    field{"store.url",
          [](settings& s, value v) {
            auto& to = s.store;
            auto from = get<store_access>(v);
            to.directory = std::move(from.directory);
            to.user = std::move(from.user);
            to.hosts = std::move(from.hosts);
            to.socket = std::move(from.socket);
            to.database = std::move(from.database);
            if (!from.password.empty()) to.password = std::move(from.password);
          },
          [](const settings& s) { return s.has_store ? text{yaml_text(store_url_text(s.store))} : std::nullopt; }},
    field{"store.password", [](settings& s, value v) { s.store.password = get<std::string>(v); },
          [](const settings& s) { return s.store.password.empty() ? std::nullopt : text{"\"***\""}; }},
    field{"store.tls.mode",
          [](settings& s, value v) {
            const auto found = std::find(tls_names.begin(), tls_names.end(), get<std::string>(v));
            s.store.tls = static_cast<tls_mode>(found - tls_names.begin());
          },
          [](const settings& s) { return s.has_store && s.store.directory.empty() ? text{to_string(s.store.tls)} : std::nullopt; }},
    field{"store.tls.ca", [](settings& s, value v) { s.store.tls_ca = get<std::string>(v); },
          [](const settings& s) { return show(s.store.tls_ca); }},
    of_lease<&lease::probe>("store.lease.probe"),
    of_lease<&lease::probe_timeout>("store.lease.probe_timeout"),
    of_lease<&lease::wait_timeout>("store.lease.wait_timeout"),
    of_lease<&lease::margin>("store.lease.margin"),
    of_lease<&lease::stop>("store.lease.stop"),
    field{"store.lease.takeover", [](settings& s, value v) { s.lease_timing.takeover_safe = get<std::string>(v) == "safe"; },
          [](const settings& s) { return s.has_store ? text{s.lease_timing.takeover_safe ? "safe" : "fast"} : std::nullopt; }},
    field{"store.max_connections", [](settings& s, value v) { s.max_connections = static_cast<std::uint32_t>(get<std::int64_t>(v)); },
          [](const settings& s) { return s.has_store && s.store.directory.empty() ? show(s.max_connections) : std::nullopt; }},
    field{"store.max_clock_offset", [](settings& s, value v) { s.max_clock_offset = get<microseconds>(v); },
          [](const settings& s) { return s.has_store ? show(s.max_clock_offset) : std::nullopt; }},
    field{"store.migrate", [](settings& s, value v) { s.migrate = get<bool>(v); },
          [](const settings& s) { return s.has_store ? show(s.migrate) : std::nullopt; }},
    field{"election", [](settings& s, value v) { s.elects_leader = get<std::string>(v) == "leader"; },
          [](const settings& s) { return text{s.elects_leader ? "leader" : "per_run"}; }},
    of<&settings::max_concurrent_runs>("max_concurrent_runs"),
    field{"http.listen",
          [](settings& s, value v) {
            auto address = get<listen_value>(v).address;
            s.http_enabled = address.has_value();
            if (!address) return;
            s.http_host = std::move(address->host);
            s.http_port = address->port;
          },
          [](const settings& s) {
            return text{s.http_enabled ? endpoint_text({s.http_host, s.http_port}) : "false"};
          }},
    of<&settings::http_socket>("http.socket"),
    field{"http.admin_token", [](settings& s, value v) { s.http_admin_token = get<std::string>(v); },
          // As long as one must be: what is shown can be read again.
          [](const settings& s) { return s.http_admin_token.empty() ? std::nullopt : text{'"' + std::string(32, '*') + '"'}; }},
    of<&settings::log_level>("log.level"),
    of<&settings::log_format>("log.format"),
    of<&settings::plugin_path>("plugins.path"),
    field{"calendars.*.dates", add_days, [](const settings& s) { return show_days(s, true); }},
    field{"calendars.*.ranges", add_days, [](const settings& s) { return show_days(s, false); }},
    field{"tags.*.max_running", [](settings& s, value v) { s.tags.back().max_running = static_cast<std::uint32_t>(get<std::int64_t>(v)); },
          [](const settings& s) { return s.tags.empty() ? std::nullopt : show(s.tags.back().max_running); }},
    of<&settings::history_keep>("history.keep"),
    field{"include", [](settings&, value) {}, [](const settings&) { return text{}; }},  // what they hold is shown
    field{"jobs.*.plugin", nullptr, nullptr, [](job& j, value v) { j.plugin = get<std::string>(v); },
          [](const job& j) { return show(j.plugin); }},
    field{"jobs.*.with", nullptr, nullptr,
          [](job& j, value v) {
            auto block = get<with_block>(v);
            j.with = std::move(block.values);
            j.with_where = std::move(block.where);
          },
          [](const job&) { return text{}; }},  // shown as a block
    field{"jobs.*.schedule", nullptr, nullptr,
          [](job& j, value v) {
            auto made = get<schedule_value>(v);
            j.schedule = std::move(made.table);
            j.schedule_text = std::move(made.text);
          },
          [](const job& j) { return j.schedule ? text{yaml_text(j.schedule->text())} : std::nullopt; }},
    of_job<&job::timezone>("jobs.*.timezone"),
    of_job<&job::jitter>("jobs.*.jitter"),
    of_job<&job::not_on>("jobs.*.not_on"),
    of_job<&job::only_on>("jobs.*.only_on"),
    of_job<&job::overlap>("jobs.*.overlap"),
    of_job<&job::queue_limit>("jobs.*.queue_limit"),
    of_job<&job::catch_up>("jobs.*.catch_up.policy"),
    of_job<&job::catch_up_window>("jobs.*.catch_up.window"),
    of_job<&job::catch_up_limit>("jobs.*.catch_up.limit"),
    of_job<&job::retry_attempts>("jobs.*.retry.attempts"),
    of_job<&job::retry_backoff>("jobs.*.retry.backoff"),
    of_job<&job::retry_max_backoff>("jobs.*.retry.max_backoff"),
    of_job<&job::retry_multiplier>("jobs.*.retry.multiplier"),
    field{"jobs.*.on_crash", nullptr, nullptr, [](job& j, value v) { j.on_crash_retry = get<std::string>(v) == "retry"; },
          [](const job& j) { return text{j.on_crash_retry ? "retry" : "give_up"}; }},
    field{"jobs.*.timeout", nullptr, nullptr, [](job& j, value v) { j.timeout = get<microseconds>(v); },
          [](const job& j) { return j.timeout ? show(*j.timeout) : std::nullopt; }},
    of_job<&job::grace>("jobs.*.grace"),
    of_job<&job::lock_name>("jobs.*.lock.name"),
    of_job<&job::hold_at_least>("jobs.*.lock.hold_at_least"),
    of_job<&job::after>("jobs.*.after"),
    of_job<&job::priority>("jobs.*.priority"),
    of_job<&job::run_on>("jobs.*.run_on"),
    field{"jobs.*.isolation", nullptr, nullptr, [](job& j, value v) { j.in_process = get<std::string>(v) == "in_process"; },
          [](const job& j) { return text{j.in_process ? "in_process" : "process"}; }},
    field{"jobs.*.limits.memory", nullptr, nullptr, [](job& j, value v) { j.memory_limit = get<std::int64_t>(v); },
          [](const job& j) { return j.memory_limit ? text{size_text(*j.memory_limit)} : std::nullopt; }},
    field{"jobs.*.limits.cpu", nullptr, nullptr, [](job& j, value v) { j.cpu_limit = get<microseconds>(v); },
          [](const job& j) { return j.cpu_limit ? show(*j.cpu_limit) : std::nullopt; }},
    field{"jobs.*.limits.files", nullptr, nullptr, [](job& j, value v) { j.files_limit = get<std::int64_t>(v); },
          [](const job& j) { return j.files_limit ? text{std::to_string(*j.files_limit)} : std::nullopt; }},
    field{"jobs.*.on_lost", nullptr, nullptr, [](job& j, value v) { j.on_lost_abort = get<std::string>(v) == "abort"; },
          [](const job& j) { return text{j.on_lost_abort ? "abort" : "report"}; }},
    of_job<&job::enabled>("jobs.*.enabled"),
    of_job<&job::paused>("jobs.*.paused"),
    of_job<&job::tags>("jobs.*.tags"),
    of_job<&job::description>("jobs.*.description"),
};

bool is_plain(std::string_view s) {
  if (s.empty() || s.size() > 200) return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(s.front()) && s.front() != '/') return false;
  if (!is_spelled_with(s, "A-Za-z0-9_./@:%=?+,-")) return false;
  if (s.back() == ':') return false;
  std::string low{s};
  for (char& c : low) c = is_letter(c) ? static_cast<char>(c | 0x20) : c;
  return low != "true" && low != "false" && low != "null" && low != "yes" && low != "no" && low != "on" && low != "off" && low != "y" &&
         low != "n";
}

std::string written(std::string_view s, std::string_view dollar) {
  if (is_plain(s)) return std::string{s};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : s) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '$': out += dollar; break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          ((out += "\\x") += digits[byte >> 4U]) += digits[byte & 15U];
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

}  // namespace

const field* find_field(std::string_view path) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const field& f) { return f.path == path; });
  return found == table.end() ? nullptr : &*found;
}

std::string_view to_string(tls_mode mode) noexcept { return tls_names[static_cast<std::size_t>(mode)]; }

std::string yaml_text(std::string_view s) { return written(s, "$$"); }
std::string yaml_key(std::string_view s) { return written(s, "$"); }

}  // namespace baton::settings
