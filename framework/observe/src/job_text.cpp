#include "job_text.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

namespace baton::observe {
namespace {

constexpr std::size_t most_digits = 40;

/// A number at `at`, of at most most_digits characters; returns its end.
char* write_number(char* at, double number) {
  constexpr double exact = 1LL << 53;
  if (number >= 0 && number < 10 && number == std::trunc(number)) {  // most of them are 0
    *at = static_cast<char>('0' + static_cast<int>(number));
    return at + 1;
  }
  const auto size = std::abs(number);
  if (size < exact && number == std::trunc(number)) return std::to_chars(at, at + most_digits, static_cast<long long>(number)).ptr;
  const auto format = size >= 1e-4 && size < exact ? std::chars_format::fixed : std::chars_format::scientific;
  return std::to_chars(at, at + most_digits, number, format).ptr;
}

std::string text_of(double number) {
  std::array<char, most_digits> digits;
  return {digits.begin(), write_number(digits.begin(), number)};
}

/// Text on its way to a string, in pieces that stay in the processor's cache: a string's own append() took half of the time.
class buffered_text {
 public:
  explicit buffered_text(std::string& out) : out_(out) {}
  ~buffered_text() { flush(); }
  buffered_text(const buffered_text&) = delete;
  buffered_text& operator=(const buffered_text&) = delete;

  void line(std::string_view head, std::string_view labels, std::string_view tail, double number) {
    const auto room = head.size() + labels.size() + tail.size() + most_digits + 1;
    if (room > piece_.size() - used_) make_room(room);
    char* at = piece_.data() + used_;
    for (const auto part : {head, labels, tail}) {
      std::memcpy(at, part.data(), part.size());
      at += part.size();
    }
    at = write_number(at, number);
    *at++ = '\n';
    used_ = static_cast<std::size_t>(at - piece_.data());
  }
  void flush() {
    out_.append(piece_.data(), used_);
    used_ = 0;
  }

 private:
  void make_room(std::size_t bytes) {
    flush();
    if (bytes > piece_.size()) piece_.resize(bytes);  // somebody's long name
  }

  std::string& out_;
  std::vector<char> piece_ = std::vector<char>(1 << 16);
  std::size_t used_ = 0;
};

/// `,LABEL="VALUE"`, of texts that need no escape.
std::string also(std::string_view label, std::string_view value) {
  return std::string{","}.append(label).append("=\"").append(value).append("\"");
}

class job_writer {
 public:
  job_writer(const std::vector<const job_series*>& jobs, std::string& text) : jobs_(jobs), out_(text), text_(text) {}

  /// One series for each job. `series_of` finds the metric of a job.
  template <typename Metric>
  void each(const job_family<Metric>& of, const char* type, auto series_of) {
    const auto head = begin(of, type) + "{";
    for (const auto* job : jobs_) out_.line(head, job->name_text, "} ", series_of(*job).Value());
  }

  /// One for each job and value of a label.
  template <typename Metric>
  void each_by(const job_family<Metric>& of, const char* type, auto series_of) {
    const auto head = begin(of, type) + "{";
    std::vector<std::string> tails;
    for (const auto& [value, metric] : series_of(*jobs_.front()).all())
      tails.push_back(also(series_of(*jobs_.front()).label(), value) + "} ");
    for (const auto* job : jobs_) {
      auto tail = tails.begin();
      for (const auto& [value, metric] : series_of(*job).all()) out_.line(head, job->name_text, *tail++, metric->Value());
    }
  }

  void each(const job_family<Histogram>& of, auto series_of) {
    const histogram_lines lines{begin(of, "histogram"), "", series_of(*jobs_.front())};
    for (const auto* job : jobs_) write(lines, job->name_text, series_of(*job));
  }

  void each_by(const job_family<Histogram>& of, auto series_of) {
    const auto name = begin(of, "histogram");
    std::vector<histogram_lines> kinds;
    const auto& first = series_of(*jobs_.front());
    for (const auto& [value, metric] : first.all()) kinds.emplace_back(name, also(first.label(), value), *metric);
    for (const auto* job : jobs_) {
      auto kind = kinds.begin();
      for (const auto& [value, metric] : series_of(*job).all()) write(*kind++, job->name_text, *metric);
    }
  }

  void infos(const job_family<Gauge>& of) {
    const auto head = begin(of, "gauge") + "{";
    for (const auto* job : jobs_) out_.line(head, job->info_text, "} ", 1);
  }

 private:
  /// What the lines of all jobs have in common, which is nearly all of them.
  struct histogram_lines {
    histogram_lines(const std::string& name, const std::string& labels, const Histogram& example)
        : count(name + "_count{"), sum(name + "_sum{"), bucket(name + "_bucket{"), end(labels + "} ") {
      for (const auto& one : example.Collect().histogram.bucket) {
        bounds.push_back(labels + also("le", std::isinf(one.upper_bound) ? "+Inf" : text_of(one.upper_bound)) + "} ");
      }
    }

    std::string count;
    std::string sum;
    std::string bucket;
    std::string end;
    std::vector<std::string> bounds;
  };

  /// Its lines # HELP and # TYPE; returns the name.
  template <typename Metric>
  std::string begin(const job_family<Metric>& of, std::string_view type) {
    out_.flush();
    const auto& name = of.family.GetName();
    text_.append("# HELP ").append(name).append(" ").append(of.help).append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
    return name;
  }

  void write(const histogram_lines& lines, const std::string& name, const Histogram& histogram) {
    const auto seen = histogram.Collect().histogram;
    out_.line(lines.count, name, lines.end, static_cast<double>(seen.sample_count));
    out_.line(lines.sum, name, lines.end, seen.sample_sum);
    auto bound = lines.bounds.begin();
    for (const auto& one : seen.bucket) out_.line(lines.bucket, name, *bound++, static_cast<double>(one.cumulative_count));
  }

  const std::vector<const job_series*>& jobs_;
  buffered_text out_;
  std::string& text_;
};

}  // namespace

void write_jobs(const job_families& families, const std::vector<const job_series*>& jobs, std::string& text) {
  if (jobs.empty()) return;
  job_writer out{jobs, text};
  using series = const job_series;
  out.infos(families.info);
  out.each_by(
      families.lock_acquire_duration, [](series & j) -> auto& { return j.lock_acquire_duration; });
  out.each_by(
      families.lock_attempts, "counter", [](series & j) -> auto& { return j.lock_attempts; });
  out.each(
      families.lock_hold_duration, [](series & j) -> auto& { return j.lock_hold_duration; });
  out.each(
      families.lock_held, "gauge", [](series & j) -> auto& { return j.lock_held; });
  out.each_by(
      families.lock_lost, "counter", [](series & j) -> auto& { return j.lock_lost; });
  out.each_by(
      families.ticks, "counter", [](series & j) -> auto& { return j.ticks; });
  out.each_by(
      families.skips, "counter", [](series & j) -> auto& { return j.skips; });
  out.each(
      families.tick_lateness, [](series & j) -> auto& { return j.tick_lateness; });
  out.each_by(
      families.runs_started, "counter", [](series & j) -> auto& { return j.runs_started; });
  out.each_by(
      families.runs, "counter", [](series & j) -> auto& { return j.runs; });
  out.each(
      families.run_duration, [](series & j) -> auto& { return j.run_duration; });
  out.each(
      families.retries, "counter", [](series & j) -> auto& { return j.retries; });
  out.each(
      families.running, "gauge", [](series & j) -> auto& { return j.running; });
  out.each(
      families.overlap_suspected, "counter", [](series & j) -> auto& { return j.overlap_suspected; });
  out.each(
      families.schedule_max_gap, "gauge", [](series & j) -> auto& { return j.schedule_max_gap; });
  out.each(
      families.last_success, "gauge", [](series & j) -> auto& { return j.last_success; });
  out.each(
      families.last_run, "gauge", [](series & j) -> auto& { return j.last_run; });
  out.each(
      families.next_tick, "gauge", [](series & j) -> auto& { return j.next_tick; });
  out.each(
      families.paused, "gauge", [](series & j) -> auto& { return j.paused; });
  out.each(
      families.schedule_disagreement, "gauge", [](series & j) -> auto& { return j.schedule_disagreement; });
}

}  // namespace baton::observe
