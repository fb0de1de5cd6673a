# Installs components and builds a program against them that uses nothing else of Baton.
#   cmake -DBUILD=… -DWORK=… -DCOMPONENTS=… -DINSTALL=… -DMAIN=… -DFLAGS=… [-DCXX=…] -P consumer.cmake
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
file(REMOVE_RECURSE ${WORK})
foreach(component IN LISTS INSTALL)
  run(${CMAKE_COMMAND} --install ${BUILD} --component ${component} --prefix ${WORK}/prefix)
endforeach()
list(JOIN COMPONENTS "," components)
set(compiler "")
if(CXX)
  set(compiler -DCMAKE_CXX_COMPILER=${CXX})
endif()
run(${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DBATON_COMPONENTS=${components} -DMAIN=${MAIN} "-DCMAKE_CXX_FLAGS=${FLAGS}" ${compiler})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
