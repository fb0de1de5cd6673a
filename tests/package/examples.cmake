# Installs what programs with named locks and with a scheduler of their own need, and builds the examples against it.
#   cmake -DBUILD=… -DSOURCE=… -DWORK=… -DFLAGS=… -P examples.cmake
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
file(REMOVE_RECURSE ${WORK})
foreach(component sdk base schedule lock ledger engine mysql plugin_host observe runtime)
  run(${CMAKE_COMMAND} --install ${BUILD} --component ${component} --prefix ${WORK}/prefix)
endforeach()
foreach(example named_locks leader_election embed)
  run(${CMAKE_COMMAND} -G Ninja -S ${SOURCE}/examples/${example} -B ${WORK}/${example} -DCMAKE_PREFIX_PATH=${WORK}/prefix
    "-DCMAKE_CXX_FLAGS=${FLAGS}" -DCMAKE_CXX_STANDARD=20)
  run(${CMAKE_COMMAND} --build ${WORK}/${example})
endforeach()
