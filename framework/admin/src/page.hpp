#pragma once

#include <optional>
#include <string_view>

namespace baton::admin {

/// A file of the status page. Its bytes are part of the program: cmake/baton_embed.cmake puts them there from page/.
struct page_file {
  std::string_view content_type;
  std::string_view body;
};

/// The file at "/", "/app.js" or "/app.css"; nullopt for any other path.
[[nodiscard]] std::optional<page_file> page_at(std::string_view path) noexcept;

}  // namespace baton::admin
