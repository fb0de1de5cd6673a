# cmake -D FOLDER=… -D OUTPUT=… -P baton_embed.cmake: writes the status page's files as one C++ unit that defines baton::admin::page_at().
set(entries "")
foreach(row "/|index.html|text/html" "/app.css|app.css|text/css" "/app.js|app.js|text/javascript")
  string(REPLACE "|" ";" row "${row}")
  list(GET row 0 path)
  list(GET row 1 file)
  list(GET row 2 type)
  file(READ "${FOLDER}/${file}" body)
  if(body MATCHES "\\)baton_page\"")
    message(FATAL_ERROR "${FOLDER}/${file} contains the mark that ends a raw string: )baton_page\"")
  endif()
  string(APPEND entries "    entry{\"${path}\", {\"${type}; charset=utf-8\", R\"baton_page(${body})baton_page\"}},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Written by cmake/baton_embed.cmake.
#include \"page.hpp\"

namespace baton::admin {
namespace {

struct entry {
  std::string_view path;
  page_file file;
};

constexpr entry entries[] = {
${entries}};

}  // namespace

std::optional<page_file> page_at(std::string_view path) noexcept {
  for (const auto& one : entries)
    if (one.path == path) return one.file;
  return std::nullopt;
}

}  // namespace baton::admin
")
