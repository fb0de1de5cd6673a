# A MySQL server in memory and a clock that stands still: for the pure rooms and the simulation.
add_library(baton_memory_store STATIC ${CMAKE_CURRENT_LIST_DIR}/src/memory_store.cpp ${CMAKE_CURRENT_LIST_DIR}/src/memory_claim.cpp
  ${CMAKE_CURRENT_LIST_DIR}/src/memory_sessions.cpp)
add_library(baton::memory_store ALIAS baton_memory_store)
target_include_directories(baton_memory_store PUBLIC ${CMAKE_CURRENT_LIST_DIR}/include)
target_link_libraries(baton_memory_store PUBLIC baton::base baton::lock baton::ledger)
