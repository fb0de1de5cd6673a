# MySQLClient::Oracle: Oracle's libmysqlclient from the folder of fetch_mysql.sh, beside the system's client library, so that one source
# tree is tested against both in one build. A program linked with it runs under the folder's own loader: ORACLE_LAUNCHER goes before it.
# There is none with sanitizers, whose runtimes the foreign loader does not find.
include_guard(GLOBAL)
set(oracle_root "$ENV{BATON_MYSQL_ROOT}")
if(NOT oracle_root AND DEFINED ENV{XDG_CACHE_HOME})
  set(oracle_root "$ENV{XDG_CACHE_HOME}/baton/mysql-sid")
elseif(NOT oracle_root)
  set(oracle_root "$ENV{HOME}/.cache/baton/mysql-sid")
endif()
file(GLOB oracle_library "${oracle_root}/usr/lib/*/libmysqlclient.so")
file(GLOB oracle_loader "${oracle_root}/usr/lib64/ld-linux*" "${oracle_root}/usr/lib/ld-linux*")
if(NOT oracle_library OR NOT oracle_loader OR "${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize")
  return()
endif()
list(GET oracle_loader 0 oracle_loader)
cmake_path(GET oracle_library PARENT_PATH oracle_libraries)

# Oracle's headers include each other as <mysql/…>, and beside their folder lie another release's C headers.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/oracle_client_include)
file(CREATE_LINK ${oracle_root}/usr/include/mysql ${CMAKE_BINARY_DIR}/oracle_client_include/mysql SYMBOLIC)
add_library(MySQLClient::Oracle UNKNOWN IMPORTED)
set_target_properties(MySQLClient::Oracle PROPERTIES IMPORTED_LOCATION ${oracle_library}
  INTERFACE_INCLUDE_DIRECTORIES "${oracle_root}/usr/include/mysql;${CMAKE_BINARY_DIR}/oracle_client_include")
target_link_options(MySQLClient::Oracle INTERFACE -Wl,--allow-shlib-undefined)
set(ORACLE_LAUNCHER ${oracle_loader} --library-path "${oracle_libraries}:${oracle_root}/usr/lib")

# The rooms and helpers that include mysql.h, once more.
get_target_property(mysql_sources baton_mysql SOURCES)
list(FILTER mysql_sources INCLUDE REGEX "\\.cpp$")
list(TRANSFORM mysql_sources PREPEND ${PROJECT_SOURCE_DIR}/framework/mysql/)
add_library(baton_mysql_oracle STATIC EXCLUDE_FROM_ALL ${mysql_sources} ${CMAKE_CURRENT_LIST_DIR}/src/private_server.cpp)
target_include_directories(baton_mysql_oracle PUBLIC ${PROJECT_SOURCE_DIR}/framework/mysql/include ${CMAKE_CURRENT_LIST_DIR}/include
  PRIVATE ${PROJECT_SOURCE_DIR}/framework/mysql/src)
target_link_libraries(baton_mysql_oracle PUBLIC baton::base baton::lock baton::ledger MySQLClient::Oracle Threads::Threads)
