#include "exported_symbols.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>

namespace baton::program {
namespace {

/// A file's bytes; what would be read beyond their end is absent.
class image {
 public:
  explicit image(std::string bytes) : bytes_{std::move(bytes)} {}

  template <typename T>
  [[nodiscard]] std::optional<T> at(std::size_t offset) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  [[nodiscard]] std::string text_at(std::size_t offset) const {
    if (offset >= bytes_.size()) return {};
    const auto rest = std::string_view{bytes_}.substr(offset);
    return std::string{rest.substr(0, rest.find('\0'))};
  }

 private:
  std::string bytes_;
};

bool is_exported(const ElfW(Sym) & symbol) {
  const auto binding = symbol.st_info >> 4U;
  const auto visibility = symbol.st_other & 3U;
  return symbol.st_shndx != SHN_UNDEF && binding != STB_LOCAL && (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
}

}  // namespace

result<std::vector<std::string>> exported_symbols(const std::string& file) {
  std::ifstream in{file, std::ios::binary};
  if (!in) return failure{errc::io, file + " cannot be read"};
  const image elf{{std::istreambuf_iterator<char>{in}, {}}};
  const auto header = elf.at<ElfW(Ehdr)>(0);
  constexpr auto word = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != word)
    return failure{errc::invalid_argument, file + " is no shared object of this machine's"};
  const auto section = [&](std::size_t index) { return elf.at<ElfW(Shdr)>(header->e_shoff + index * header->e_shentsize); };
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header->e_shnum; ++i) {
    const auto symbols = section(i);
    if (!symbols || symbols->sh_type != SHT_DYNSYM || symbols->sh_entsize == 0) continue;
    const auto strings = section(symbols->sh_link);
    if (!strings) continue;
    for (std::size_t k = 0; k < symbols->sh_size / symbols->sh_entsize; ++k) {
      const auto symbol = elf.at<ElfW(Sym)>(symbols->sh_offset + k * symbols->sh_entsize);
      if (symbol && is_exported(*symbol)) names.push_back(elf.text_at(strings->sh_offset + symbol->st_name));
    }
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace baton::program
