# Fleets of `baton run` processes and what reads their traces: no gtest in it.
add_library(baton_fleet STATIC ${CMAKE_CURRENT_LIST_DIR}/src/fleet.cpp ${CMAKE_CURRENT_LIST_DIR}/src/fleet_process.cpp
  ${CMAKE_CURRENT_LIST_DIR}/src/prom.cpp ${CMAKE_CURRENT_LIST_DIR}/src/run_file.cpp)
add_library(baton::fleet ALIAS baton_fleet)
target_include_directories(baton_fleet PUBLIC ${CMAKE_CURRENT_LIST_DIR}/include)
target_link_libraries(baton_fleet PUBLIC baton::base)
