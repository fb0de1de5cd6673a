# MySQLClient::MySQLClient: MariaDB Connector/C, or Oracle's libmysqlclient where that is what the system has.
#
# BATON_MYSQL_CLIENT_ROOT: a folder that holds usr/include/mysql and usr/lib/<triplet>/libmysqlclient.so of another release (see
# tests/support/fetch_mysql.sh). Programs so built run under that folder's loader.
set(BATON_MYSQL_CLIENT_ROOT "" CACHE PATH "Folder of an unpacked MySQL client to build against instead of the system's")
if(BATON_MYSQL_CLIENT_ROOT)
  find_path(MySQLClient_INCLUDE_DIR mysql.h PATHS ${BATON_MYSQL_CLIENT_ROOT}/usr/include PATH_SUFFIXES mysql mariadb NO_DEFAULT_PATH)
  find_library(MySQLClient_LIBRARY NAMES mysqlclient mariadb NO_DEFAULT_PATH
    PATHS ${BATON_MYSQL_CLIENT_ROOT}/usr/lib PATH_SUFFIXES ${CMAKE_LIBRARY_ARCHITECTURE} .)
else()
  find_path(MySQLClient_INCLUDE_DIR mysql.h PATH_SUFFIXES mariadb mysql)
  find_library(MySQLClient_LIBRARY NAMES mariadb mysqlclient)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MySQLClient REQUIRED_VARS MySQLClient_LIBRARY MySQLClient_INCLUDE_DIR)
if(MySQLClient_FOUND AND NOT TARGET MySQLClient::MySQLClient)
  add_library(MySQLClient::MySQLClient UNKNOWN IMPORTED)
  set(includes ${MySQLClient_INCLUDE_DIR})
  if(BATON_MYSQL_CLIENT_ROOT)
    # Oracle's headers include each other as <mysql/…>, and beside their folder lie another release's C headers.
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/mysql_client_include)
    file(CREATE_LINK ${MySQLClient_INCLUDE_DIR} ${CMAKE_BINARY_DIR}/mysql_client_include/mysql SYMBOLIC)
    list(APPEND includes ${CMAKE_BINARY_DIR}/mysql_client_include)
  endif()
  set_target_properties(MySQLClient::MySQLClient PROPERTIES
    IMPORTED_LOCATION ${MySQLClient_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES "${includes}")
  unset(includes)
  if(BATON_MYSQL_CLIENT_ROOT)
    target_link_options(MySQLClient::MySQLClient INTERFACE -Wl,--allow-shlib-undefined)
  endif()
endif()
mark_as_advanced(MySQLClient_INCLUDE_DIR MySQLClient_LIBRARY)
