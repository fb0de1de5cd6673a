#include "request.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <string_view>

namespace http_plugin {
namespace {

template <auto Free>
struct freed_by {
  void operator()(auto* pointer) const noexcept { Free(pointer); }
};
using easy_handle = std::unique_ptr<CURL, freed_by<&curl_easy_cleanup>>;
using multi_handle = std::unique_ptr<CURLM, freed_by<&curl_multi_cleanup>>;
using header_list = std::unique_ptr<curl_slist, freed_by<&curl_slist_free_all>>;
using url_handle = std::unique_ptr<CURLU, freed_by<&curl_url_cleanup>>;

constexpr long most_redirects = 5;

long milliseconds_of(std::chrono::microseconds d) { return std::chrono::ceil<std::chrono::milliseconds>(d).count(); }

/// What is read after the bytes to keep is dropped: the connection must not break for a long answer.
struct kept_body {
  std::string text;
  std::size_t most;
  static std::size_t write(const char* data, std::size_t, std::size_t size, void* self) {
    auto& me = *static_cast<kept_body*>(self);
    me.text.append(data, std::min(size, me.most - me.text.size()));
    return size;
  }
};

void set_method(CURL* easy, const request& what) {
  const bool has_body = what.method != "GET" && what.method != "HEAD" && (what.method != "DELETE" || !what.body.empty());
  if (what.method == "HEAD") curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (has_body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body.size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, what.body.c_str());
  }
  // A method that is set by name survives a redirect; only these change as they should.
  const bool is_known = what.method == "GET" || what.method == "HEAD" || what.method == "POST";
  if (!is_known) curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, what.method.c_str());
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, what.follow_redirects && is_known ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, most_redirects);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, origin_of(what.url).value_or("").starts_with("https:") ? "https" : "http,https");
}

void set_tls(CURL* easy, const request& what) {
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, what.verify ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, what.verify ? 2L : 0L);
  if (!what.ca.empty()) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, what.ca.c_str());
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);  // otherwise the system's authorities would be good, too
  }
  if (!what.client_certificate.empty()) curl_easy_setopt(easy, CURLOPT_SSLCERT, what.client_certificate.c_str());
  if (!what.client_key.empty()) curl_easy_setopt(easy, CURLOPT_SSLKEY, what.client_key.c_str());
}

void set_limits(CURL* easy, const request& what) {
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, milliseconds_of(what.timeout));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, milliseconds_of(what.connect_timeout));
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a name server that does not answer holds nobody up
}

response::end end_of(CURLcode code) {
  switch (code) {
    case CURLE_OK: return response::end::answered;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: return response::end::unreachable;
    default: return response::end::refused;
  }
}

/// How the only transfer ended; nullopt: `stop_descriptor` came first.
std::optional<CURLcode> carry_out(CURLM* multi, int stop_descriptor) {
  int running = 1;
  while (true) {
    if (curl_multi_perform(multi, &running) != CURLM_OK) return CURLE_FAILED_INIT;
    if (running == 0) break;
    curl_waitfd stop{stop_descriptor, CURL_WAIT_POLLIN, 0};
    if (curl_multi_poll(multi, &stop, 1, 60'000, nullptr) != CURLM_OK) return CURLE_FAILED_INIT;
    if (stop.revents != 0) return std::nullopt;
  }
  const auto* const message = curl_multi_info_read(multi, &running);
  return message == nullptr ? CURLE_FAILED_INIT : message->data.result;
}

}  // namespace

std::optional<std::string> origin_of(const std::string& url) {
  const url_handle parsed{curl_url()};
  if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) return std::nullopt;
  for (const auto part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY, CURLUPART_FRAGMENT})
    curl_url_set(parsed.get(), part, nullptr, 0);
  curl_url_set(parsed.get(), CURLUPART_PATH, "/", 0);
  char* text = nullptr;
  if (curl_url_get(parsed.get(), CURLUPART_URL, &text, 0) != CURLUE_OK) return std::nullopt;
  std::string origin{text};
  curl_free(text);
  if (!origin.starts_with("http://") && !origin.starts_with("https://")) return std::nullopt;
  origin.pop_back();
  return origin;
}

response send(const request& what, int stop_descriptor) {
  static const CURLcode is_ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  // In this order: the transfer is removed before either handle goes.
  kept_body body{{}, what.kept_bytes};
  std::array<char, CURL_ERROR_SIZE> error{};
  header_list headers;
  const easy_handle easy{curl_easy_init()};
  const multi_handle multi{curl_multi_init()};
  if (is_ready != CURLE_OK || !easy || !multi) return {response::end::unreachable, 0, {}, "curl cannot be prepared"};
  for (const auto& header : what.headers) {
    auto* const longer = curl_slist_append(headers.get(), header.c_str());
    if (longer == nullptr) throw std::bad_alloc{};
    static_cast<void>(headers.release());
    headers.reset(longer);
  }
  curl_easy_setopt(easy.get(), CURLOPT_URL, what.url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &kept_body::write);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &body);
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, error.data());
  set_method(easy.get(), what);
  set_tls(easy.get(), what);
  set_limits(easy.get(), what);

  curl_multi_add_handle(multi.get(), easy.get());
  const auto code = carry_out(multi.get(), stop_descriptor);
  curl_multi_remove_handle(multi.get(), easy.get());
  if (!code) return {response::end::stopped, 0, {}, {}};
  response got{end_of(*code), 0, std::move(body.text), error[0] != '\0' ? error.data() : curl_easy_strerror(*code)};
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &got.status);
  return got;
}

}  // namespace http_plugin
