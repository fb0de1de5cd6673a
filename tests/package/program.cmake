# Installs the program and its plugins to another place than was configured, and lets it find them there.
#   cmake -DBUILD=… -DSOURCE=… -DWORK=… -P program.cmake
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
file(REMOVE_RECURSE ${WORK})
foreach(component program plugins)
  run(${CMAKE_COMMAND} --install ${BUILD} --component ${component} --prefix ${WORK}/prefix)
endforeach()
run(${CMAKE_COMMAND} -E env BATON_PASSWORD=secret ${WORK}/prefix/bin/baton check --load-plugins -c ${SOURCE}/config/typical.yaml)
