# The private database servers of tests, benchmarks and `baton dev`: no gtest in it.
include_guard(GLOBAL)
find_package(MySQLClient REQUIRED)
add_library(baton_private_server STATIC ${CMAKE_CURRENT_LIST_DIR}/src/private_server.cpp)
add_library(baton::private_server ALIAS baton_private_server)
target_include_directories(baton_private_server PUBLIC ${CMAKE_CURRENT_LIST_DIR}/include)
target_link_libraries(baton_private_server PUBLIC baton::base PRIVATE MySQLClient::MySQLClient Threads::Threads)
