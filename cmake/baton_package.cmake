# The installed package: find_package(baton COMPONENTS sdk runtime mysql …), a component for each room.
include(CMakePackageConfigHelpers)

# The package that offers a link target, as find_package() wants it; empty for a target that needs none.
function(baton_package_of target out)
  set(package "")
  if(target MATCHES "^([A-Za-z0-9_-]+)::")
    set(package ${CMAKE_MATCH_1})
    if(package STREQUAL SQLite)
      set(package SQLite3)
    endif()
  elseif(target STREQUAL yaml-cpp)
    set(package yaml-cpp)
  endif()
  if(package STREQUAL Boost)
    set(package "Boost 1.81")
  endif()
  set(${out} ${package} PARENT_SCOPE)
endfunction()

# Called by baton_room(): notes what a component needs, and installs its targets file.
function(baton_package_component name)
  set(rooms "")
  set(packages "")
  foreach(target IN LISTS ARGN)
    if(target MATCHES "^baton::(.+)$")
      list(APPEND rooms ${CMAKE_MATCH_1})
    else()
      baton_package_of(${target} package)
      list(APPEND packages "${package}")
    endif()
  endforeach()
  list(REMOVE_ITEM packages "")
  set_property(GLOBAL APPEND PROPERTY BATON_COMPONENTS ${name})
  set_property(GLOBAL APPEND_STRING PROPERTY BATON_COMPONENT_TABLE
    "set(baton_${name}_rooms \"${rooms}\")\nset(baton_${name}_packages \"${packages}\")\n")
  install(EXPORT baton_${name}_targets FILE baton-${name}-targets.cmake NAMESPACE baton::
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/baton COMPONENT ${name})
endfunction()

# At the end of the project, when all rooms are known. What every component needs comes with each.
function(baton_install_package)
  get_property(BATON_COMPONENTS GLOBAL PROPERTY BATON_COMPONENTS)
  get_property(BATON_COMPONENT_TABLE GLOBAL PROPERTY BATON_COMPONENT_TABLE)
  set(destination ${CMAKE_INSTALL_LIBDIR}/cmake/baton)
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/baton-config.cmake.in ${PROJECT_BINARY_DIR}/baton-config.cmake
    INSTALL_DESTINATION ${destination} NO_SET_AND_CHECK_MACRO)
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/baton-config-version.cmake COMPATIBILITY SameMinorVersion)
  foreach(component IN LISTS BATON_COMPONENTS)
    install(FILES ${PROJECT_BINARY_DIR}/baton-config.cmake ${PROJECT_BINARY_DIR}/baton-config-version.cmake
      DESTINATION ${destination} COMPONENT ${component})
  endforeach()
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/baton_add_plugin.cmake ${PROJECT_SOURCE_DIR}/cmake/baton_plugin.map
    DESTINATION ${destination} COMPONENT sdk)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/FindMySQLClient.cmake DESTINATION ${destination} COMPONENT mysql)
  install(FILES ${PROJECT_SOURCE_DIR}/cmake/Findcctz.cmake DESTINATION ${destination} COMPONENT schedule)
endfunction()

cmake_language(DEFER CALL baton_install_package)
