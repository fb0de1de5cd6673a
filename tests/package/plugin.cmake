# Installs the sdk and the program, builds plugins against them - the examples in C++ and C, and what `baton plugin new` writes - and loads
# and tests what comes out.
#   cmake -DBUILD=… -DSOURCE=… -DWORK=… -DDESCRIBE=… -DNM=… [-DCC=… -DCXX=…] -P plugin.cmake
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
file(REMOVE_RECURSE ${WORK})

foreach(component sdk program)
  run(${CMAKE_COMMAND} --install ${BUILD} --component ${component} --prefix ${WORK}/prefix)
endforeach()
file(GLOB_RECURSE headers RELATIVE ${WORK}/prefix/include ${WORK}/prefix/include/*)
if(NOT headers OR headers MATCHES "base/")
  message(FATAL_ERROR "the component sdk installs the wrong headers: ${headers}")
endif()

set(compilers "")
if(CXX)
  set(compilers -DCMAKE_C_COMPILER=${CC} -DCMAKE_CXX_COMPILER=${CXX})
endif()
set(warnings "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Werror")

# build_project(<source> <build>): configured with nothing but where Baton is, built, its own tests run.
function(build_project source build)
  run(${CMAKE_COMMAND} -G Ninja -S ${source} -B ${build} -DCMAKE_PREFIX_PATH=${WORK}/prefix -DCMAKE_INSTALL_PREFIX=${WORK}/prefix
    -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS=${warnings} -Wold-style-cast" "-DCMAKE_C_FLAGS=${warnings}" ${compilers})
  run(${CMAKE_COMMAND} --build ${build})
  run(${CMAKE_CTEST_COMMAND} --test-dir ${build} --output-on-failure)
  set(output "${output}" PARENT_SCOPE)
endfunction()

# installed(<name> <description>): the plugin is where it belongs, exports one symbol, and says of itself what it should.
function(installed name description)
  file(GLOB_RECURSE plugin ${WORK}/prefix/*/baton/plugins/${name}.so)
  if(NOT plugin)
    message(FATAL_ERROR "${name}.so was not installed")
  endif()
  run(${NM} -D --defined-only ${plugin})
  string(REGEX MATCHALL "[^\n]+" symbols "${output}")
  list(LENGTH symbols count)
  if(NOT count EQUAL 1 OR NOT output MATCHES " T baton_plugin_entry$")
    message(FATAL_ERROR "${name}.so exports more or less than baton_plugin_entry:\n${output}")
  endif()
  run(${DESCRIBE} ${plugin})
  if(NOT output STREQUAL "${name} ${description}")
    message(FATAL_ERROR "describe_plugin: ${output}")
  endif()
endfunction()

# What cannot be found when it is loaded is not linked at all.
file(WRITE ${WORK}/forgetful/forgetful.c "int missing(void);\nint baton_plugin_entry(void);\nint baton_plugin_entry(void) { return missing(); }\n")
file(WRITE ${WORK}/forgetful/CMakeLists.txt
  "cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES C)\nfind_package(baton REQUIRED COMPONENTS sdk)\nbaton_add_plugin(forgetful forgetful.c)\n")
run(${CMAKE_COMMAND} -G Ninja -S ${WORK}/forgetful -B ${WORK}/forgetful/build -DCMAKE_PREFIX_PATH=${WORK}/prefix ${compilers})
execute_process(COMMAND ${CMAKE_COMMAND} --build ${WORK}/forgetful/build RESULT_VARIABLE code OUTPUT_VARIABLE text ERROR_QUIET)
if(code EQUAL 0 OR NOT text MATCHES "undefined reference to `missing'")
  message(FATAL_ERROR "a plugin with a missing symbol was linked:\n${text}")
endif()

foreach(example write_a_plugin write_a_plugin_in_c)
  build_project(${SOURCE}/examples/${example} ${WORK}/${example})
  run(${CMAKE_COMMAND} --install ${WORK}/${example})
endforeach()
installed(hello "1.0.0, ABI 1.0, greeting")
installed(countdown "1.0.0, ABI 1.0, from, pause")

run(${CMAKE_COMMAND} -E chdir ${WORK} ${WORK}/prefix/bin/baton plugin new nightly-report)
build_project(${WORK}/nightly-report ${WORK}/nightly-report/build)
foreach(test unit inspect test)
  if(NOT output MATCHES "nightly-report.${test} +[.]+ +Passed")
    message(FATAL_ERROR "nightly-report.${test} did not run:\n${output}")
  endif()
endforeach()
run(${WORK}/prefix/bin/baton plugin run ${WORK}/nightly-report/build/nightly-report.so --with ${WORK}/nightly-report/with.yaml)
if(NOT output STREQUAL "success: greeted 2 times")
  message(FATAL_ERROR "baton plugin run: ${output}")
endif()
run(${WORK}/prefix/bin/baton check -c ${WORK}/nightly-report/nightly-report.yaml)
