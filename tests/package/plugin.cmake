# Installs the component sdk, builds examples/write_a_plugin against it, and loads what comes out.
#   cmake -DBUILD=… -DSOURCE=… -DWORK=… -DDESCRIBE=… -DNM=… -P plugin.cmake
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
file(REMOVE_RECURSE ${WORK})

run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/prefix)
file(GLOB_RECURSE headers RELATIVE ${WORK}/prefix/include ${WORK}/prefix/include/*)
if(NOT headers OR headers MATCHES "base/")
  message(FATAL_ERROR "the component sdk installs the wrong headers: ${headers}")
endif()

run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/examples/write_a_plugin -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DCMAKE_INSTALL_PREFIX=${WORK}/prefix -DCMAKE_BUILD_TYPE=Release
  "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Wshadow -Wold-style-cast -Wconversion -Wno-sign-conversion -Werror")
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${CMAKE_COMMAND} --install ${WORK}/build)
file(GLOB_RECURSE plugin ${WORK}/prefix/*/baton/plugins/hello.so)
if(NOT plugin)
  message(FATAL_ERROR "hello.so was not installed")
endif()

run(${NM} -D --defined-only ${plugin})
string(REGEX MATCHALL "[^\n]+" symbols "${output}")
list(LENGTH symbols count)
if(NOT count EQUAL 1 OR NOT output MATCHES " T baton_plugin_entry$")
  message(FATAL_ERROR "hello.so exports more or less than baton_plugin_entry:\n${output}")
endif()

run(${DESCRIBE} ${plugin})
if(NOT output STREQUAL "hello 1.0.0, ABI 1.0, greeting")
  message(FATAL_ERROR "describe_plugin: ${output}")
endif()
