# Installs components and builds a program against them that uses nothing else of Baton.
#   cmake -DBUILD=… -DWORK=… -DCOMPONENTS=… -DINSTALL=… -DMAIN=… -DFLAGS=… -P consumer.cmake
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
file(REMOVE_RECURSE ${WORK})
foreach(component IN LISTS INSTALL)
  run(${CMAKE_COMMAND} --install ${BUILD} --component ${component} --prefix ${WORK}/prefix)
endforeach()
list(JOIN COMPONENTS "," components)
run(${CMAKE_COMMAND} -G Ninja -S ${CMAKE_CURRENT_LIST_DIR}/consumer -B ${WORK}/build -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DBATON_COMPONENTS=${components} -DMAIN=${MAIN} "-DCMAKE_CXX_FLAGS=${FLAGS}")
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
