# baton_add_plugin(<name> <sources>…): the shared object <name>.so that Baton loads as `plugin: <name>`.
#
# It links nothing but baton::sdk (add libraries with target_link_libraries), exports baton_plugin_entry and nothing else, and fails to
# link when a symbol is missing. Inside Baton's tree it is written to <build>/plugins. It installs to <libdir>/baton/plugins
# (component `plugins`) unless NO_INSTALL is given.
function(baton_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 plugin "NO_INSTALL" "" "")
  set(version_script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/baton_plugin.map)
  add_library(${name} MODULE ${plugin_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE baton::sdk)
  target_compile_features(${name} PRIVATE cxx_std_20)
  # A handler cannot be unloaded safely anyway; without STB_GNU_UNIQUE symbols two plugins at least do not share statics by accident.
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:$<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>>)
  target_link_options(${name} PRIVATE LINKER:--version-script=${version_script} LINKER:--exclude-libs,ALL)
  # A sanitizer's runtime is found at load time, in the program.
  if(NOT "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${CMAKE_BUILD_TYPE}}" MATCHES "-fsanitize")
    target_link_options(${name} PRIVATE LINKER:-z,defs)
  endif()
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    SUFFIX .so
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON
    POSITION_INDEPENDENT_CODE ON
    LINK_DEPENDS ${version_script})
  if(PROJECT_NAME STREQUAL baton)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/plugins)
  endif()
  if(NOT plugin_NO_INSTALL)
    include(GNUInstallDirs)
    install(TARGETS ${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/baton/plugins COMPONENT plugins)
  endif()
endfunction()
