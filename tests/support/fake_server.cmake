# A stand-in for servers and proxies that cannot be had here.
add_library(baton_fake_server STATIC ${CMAKE_CURRENT_LIST_DIR}/src/fake_server.cpp)
add_library(baton::fake_server ALIAS baton_fake_server)
target_include_directories(baton_fake_server PUBLIC ${CMAKE_CURRENT_LIST_DIR}/include)
target_link_libraries(baton_fake_server PUBLIC baton::base Threads::Threads)
