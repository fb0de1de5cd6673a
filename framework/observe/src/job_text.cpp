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

  void infos() {
    const auto head = begin("job_info", job_info_help, "gauge") + "{";
    for (const auto* job : jobs_) out_.line(head, job->info_text(), "} ", 1);
  }

  void numbers(const family_of_jobs& family) {
    const auto head = begin(family.name, family.help, family.type == metric_type::counter ? "counter" : "gauge") + "{";
    const auto tails = labels_of(family, "} ");
    for (const auto* job : jobs_) {
      for (std::size_t i = 0; i < tails.size(); ++i) out_.line(head, job->name_text(), tails[i], job->number(family.first + i));
    }
  }

  void histograms(const family_of_jobs& family) {
    const auto name = begin(family.name, family.help, "histogram");
    std::vector<histogram_lines> kinds;
    for (const auto& labels : labels_of(family, "")) kinds.emplace_back(name, labels, family.bounds);
    for (const auto* job : jobs_) {
      for (std::size_t i = 0; i < kinds.size(); ++i) write(kinds[i], job->name_text(), job->histogram(family.first + i));
    }
  }

 private:
  /// What the lines of all jobs have in common, which is nearly all of them.
  struct histogram_lines {
    histogram_lines(const std::string& name, const std::string& labels, std::span<const double> bounds)
        : count(name + "_count{"), sum(name + "_sum{"), bucket(name + "_bucket{"), end(labels + "} ") {
      for (const auto bound : bounds) buckets.push_back(labels + also("le", text_of(bound)) + end_of_labels);
      buckets.push_back(labels + also("le", "+Inf") + end_of_labels);
    }

    static constexpr const char* end_of_labels = "} ";
    std::string count;
    std::string sum;
    std::string bucket;
    std::string end;
    std::vector<std::string> buckets;
  };

  /// What follows job_name in the labels of each of a family's series, and `end`.
  static std::vector<std::string> labels_of(const family_of_jobs& family, const char* end) {
    std::vector<std::string> all;
    for (const auto value : family.values) all.push_back((family.label.empty() ? "" : also(family.label, value)) + end);
    return all;
  }

  /// Its lines # HELP and # TYPE; returns the name.
  std::string begin(const char* unprefixed, std::string_view help, std::string_view type) {
    out_.flush();
    auto name = family_builder::prefixed(unprefixed);
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
    return name;
  }

  void write(const histogram_lines& lines, const std::string& name, const sparse_histogram& histogram) {
    sparse_histogram::buckets counts;
    const auto sum = histogram.read(counts);
    std::uint64_t total = 0;
    for (const auto count : counts) total += count;
    out_.line(lines.count, name, lines.end, static_cast<double>(total));
    out_.line(lines.sum, name, lines.end, sum);
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < lines.buckets.size(); ++i)
      out_.line(lines.bucket, name, lines.buckets[i], static_cast<double>(cumulative += counts[i]));
  }

  const std::vector<const job_series*>& jobs_;
  buffered_text out_;
  std::string& text_;
};

}  // namespace

void write_jobs(const std::vector<const job_series*>& jobs, std::string& text) {
  if (jobs.empty()) return;
  job_writer out{jobs, text};
  out.infos();
  for (const auto& family : families_of_jobs()) family.type == metric_type::histogram ? out.histograms(family) : out.numbers(family);
}

}  // namespace baton::observe
