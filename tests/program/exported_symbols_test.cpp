#include "exported_symbols.hpp"

#include <gmock/gmock.h>

#include "started_program.hpp"

namespace baton::program {
namespace {

using testing::ElementsAre;

class exported_symbols_of : public started_program {};

TEST_F(exported_symbols_of, a_plugin_are_what_nm_lists) {
  EXPECT_THAT(*exported_symbols(shipped_plugin("exec")), ElementsAre("baton_plugin_entry"));
  EXPECT_THAT(*exported_symbols(std::string{BATON_CARELESS_PLUGINS} + "/open.so"),
              testing::Contains(testing::HasSubstr("one_symbol_more")));
}

TEST_F(exported_symbols_of, what_is_no_shared_object_cannot_be_told) {
  for (const auto* text : {"",
                           "\x7f"
                           "ELF",
                           "a text"})
    EXPECT_FALSE(exported_symbols(written(text))) << text;
  EXPECT_FALSE(exported_symbols("/nowhere.so"));
  const auto whole = read(shipped_plugin("noop"));
  for (std::size_t size = 64; size < whole.size(); size += whole.size() / 50) (void)exported_symbols(written(whole.substr(0, size)));
}

}  // namespace
}  // namespace baton::program
