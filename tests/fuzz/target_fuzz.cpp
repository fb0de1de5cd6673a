// Whatever is asked for by HTTP gets an answer of the table: no question or order that a route does not stand for, no change without leave.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "baton/base/result.hpp"
#include "baton/base/utf8.hpp"
#include "event_ring.hpp"
#include "host_check.hpp"
#include "routes.hpp"
#include "target.hpp"

using namespace baton::admin;

namespace {

callbacks everything() {
  callbacks calls{[] { return std::string{}; }, [] { return health{}; }, [] { return health{}; }};
  calls.read = [](const question&, const say&) {};
  calls.known = [](const question&) { return said{}; };
  calls.change = [](const order&, const say&) {};
  return calls;
}

void check_text(std::string_view text) {
  BATON_ASSERT(baton::valid_utf8(text) == text);
  BATON_ASSERT(text.find('/') == std::string_view::npos && text.find('\0') == std::string_view::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto calls = everything();
  std::string_view text{reinterpret_cast<const char*>(data), size};
  if (text.empty()) return 0;
  const auto kind = data[0];
  text.remove_prefix(1);
  if (const auto made = parse_target(text)) {
    for (const auto& part : made->path) check_text(part);
  }
  request asked{(kind & 1U) != 0 ? "POST" : "GET", text};
  asked.may = (kind & 2U) != 0 ? access::granted : access::needs_token;
  asked.is_json = asked.is_marked = (kind & 4U) != 0;
  asked.is_foreign = (kind & 8U) != 0;
  const auto made = answer(asked, calls);
  (void)classify(text);
  BATON_ASSERT(made.status >= 200 && made.status < 600);
  BATON_ASSERT(!(made.ask && made.carry_out) && (!made.is_stream || made.ask));
  if (made.ask) {
    BATON_ASSERT(asked.method == "GET" && !asked.is_foreign && text.starts_with("/api/v1/"));
    check_text(made.ask->object);
  }
  if (made.carry_out) {
    BATON_ASSERT(asked.method == "POST" && !asked.is_foreign && asked.is_json && asked.may == access::granted);
    check_text(made.carry_out->object);
  }
  (void)is_bearer(text, "0123456789abcdef0123456789abcdef");
  (void)is_foreign(text, "", text);
  (void)is_acceptable_host(text, {});
  const event_ring ring{"b"};
  (void)ring.after(text);
  return 0;
}
