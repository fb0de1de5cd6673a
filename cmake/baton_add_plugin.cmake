# baton_add_plugin(<name> <sources>… [NO_INSTALL] [TEST_WITH <file>]): the shared object <name>.so that Baton loads as `plugin: <name>`.
#
# Sources are C or C++. It links nothing but baton::sdk (add libraries with target_link_libraries), exports baton_plugin_entry and nothing
# else, and fails to link when a symbol is missing. Inside Baton's tree it is written to <build>/plugins. It installs to
# <libdir>/baton/plugins (component `plugins`) unless NO_INSTALL is given.
#
# After enable_testing(), and if the program `baton` is found, there are the tests <name>.inspect and <name>.test: `baton plugin inspect` and
# `baton plugin test`, the latter with the parameters of TEST_WITH.
function(baton_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 plugin "NO_INSTALL" "TEST_WITH" "")
  set(version_script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/baton_plugin.map)
  add_library(${name} MODULE ${plugin_UNPARSED_ARGUMENTS})
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages)
    target_link_libraries(${name} PRIVATE baton::sdk)
    target_compile_features(${name} PRIVATE cxx_std_20)
  else()
    # The whole of the sdk asks for C++20; of abi.h a project in C needs the folder.
    target_include_directories(${name} PRIVATE $<TARGET_PROPERTY:baton::sdk,INTERFACE_INCLUDE_DIRECTORIES>)
    target_compile_features(${name} PRIVATE c_std_11)
  endif()
  # A handler cannot be unloaded safely anyway; without STB_GNU_UNIQUE symbols two plugins at least do not share statics by accident.
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:$<$<COMPILE_LANGUAGE:CXX>:-fno-gnu-unique>>)
  target_link_options(${name} PRIVATE LINKER:--version-script=${version_script} LINKER:--exclude-libs,ALL)
  # A sanitizer's runtime is found at load time, in the program.
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  set(is_sanitized FALSE)
  if("${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${type}} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}}" MATCHES "-fsanitize")
    set(is_sanitized TRUE)
  else()
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
  if(CMAKE_TESTING_ENABLED AND NOT is_sanitized AND NOT PROJECT_NAME STREQUAL baton)
    baton_test_plugin(${name} "${plugin_TEST_WITH}")
  endif()
endfunction()

# Called by baton_add_plugin().
function(baton_test_plugin name with)
  # Installed, this file is in <prefix>/<libdir>/cmake/baton, and <libdir> may be two folders.
  set(here ${CMAKE_CURRENT_FUNCTION_LIST_DIR})
  find_program(BATON_PROGRAM baton HINTS ${here}/../../../bin ${here}/../../../../bin DOC "The program that tests plugins")
  if(NOT BATON_PROGRAM)
    message(STATUS "${name}: the program `baton` was not found, so `baton plugin test` is no test here; set BATON_PROGRAM")
    return()
  endif()
  if(with)
    cmake_path(ABSOLUTE_PATH with BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    set(with --with ${with})
  endif()
  add_test(NAME ${name}.inspect COMMAND ${BATON_PROGRAM} plugin inspect $<TARGET_FILE:${name}>)
  add_test(NAME ${name}.test COMMAND ${BATON_PROGRAM} plugin test $<TARGET_FILE:${name}> ${with})
endfunction()
