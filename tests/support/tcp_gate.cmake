# A TCP port that delays, swallows and cuts.
add_library(baton_tcp_gate STATIC ${CMAKE_CURRENT_LIST_DIR}/src/tcp_gate.cpp)
add_library(baton::tcp_gate ALIAS baton_tcp_gate)
target_include_directories(baton_tcp_gate PUBLIC ${CMAKE_CURRENT_LIST_DIR}/include)
target_link_libraries(baton_tcp_gate PUBLIC baton::base Threads::Threads)
