# MySQL Router in front of private servers: no gtest in it.
add_library(baton_mysql_router STATIC ${CMAKE_CURRENT_LIST_DIR}/src/mysql_router.cpp)
add_library(baton::mysql_router ALIAS baton_mysql_router)
target_link_libraries(baton_mysql_router PUBLIC baton::fleet baton::private_server)
