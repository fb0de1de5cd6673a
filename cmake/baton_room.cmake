# baton_room(<name> SOURCES … HEADERS … [USES rooms…] [LINKS private libraries…] [PUBLIC_LINKS libraries…])
#
# One folder of framework/ as one static library baton_<name> with the alias baton::<name>. HEADERS are public, below
# include/; rooms in USES appear in them. Sources are listed one by one, never globbed.
include(${CMAKE_CURRENT_LIST_DIR}/baton_package.cmake)

function(baton_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "" "" "SOURCES;HEADERS;USES;LINKS;PUBLIC_LINKS")
  set(target baton_${name})
  if(room_SOURCES)
    add_library(${target} STATIC ${room_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PRIVATE ${room_LINKS})
    target_include_directories(${target} PRIVATE src)
    target_compile_features(${target} PUBLIC cxx_std_20)
    set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
    target_compile_features(${target} INTERFACE cxx_std_20)
  endif()
  add_library(baton::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS include FILES ${room_HEADERS})
  list(TRANSFORM room_USES PREPEND baton::)
  target_link_libraries(${target} ${scope} ${room_USES} ${room_PUBLIC_LINKS})
  install(TARGETS ${target} EXPORT baton_${name}_targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${name}
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT ${name})
  baton_package_component(${name} ${room_USES} ${room_LINKS} ${room_PUBLIC_LINKS})
endfunction()
