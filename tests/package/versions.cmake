# Asks for what is not there: a release to come, and a component that nobody has.
#   cmake -DBUILD=… -DWORK=… -P versions.cmake
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --component sdk --prefix ${WORK}/prefix)

# refused(<words> <arguments of find_package>…)
function(refused words)
  list(JOIN ARGN " " arguments)
  file(WRITE ${WORK}/project/CMakeLists.txt
    "cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES CXX)\nfind_package(baton ${arguments})\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${WORK}/project -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/prefix
    RESULT_VARIABLE code OUTPUT_QUIET ERROR_VARIABLE errors)
  string(REGEX REPLACE "[ \n]+" " " errors "${errors}")
  if(code EQUAL 0 OR NOT errors MATCHES "${words}")
    message(FATAL_ERROR "find_package(baton ${arguments}) ended with ${code}\n${errors}")
  endif()
endfunction()

refused("compatible with requested version \"99\"" 99 REQUIRED COMPONENTS sdk)
refused("compatible with requested version \"0.2\"" 0.2 REQUIRED COMPONENTS sdk)
refused("the component 'sdx' is not installed here; Baton has .*sdk" REQUIRED COMPONENTS sdx)
refused("the component 'runtime' is not installed here" REQUIRED COMPONENTS runtime)
file(WRITE ${WORK}/project/CMakeLists.txt
  "cmake_minimum_required(VERSION 3.25)\nproject(p LANGUAGES CXX)\nfind_package(baton 0.1 REQUIRED COMPONENTS sdk)\n")
run(${CMAKE_COMMAND} -G Ninja -S ${WORK}/project -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/prefix)
