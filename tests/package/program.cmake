# Installs the program and its plugins to another place than was configured, and lets it find them there.
#   cmake -DBUILD=… -DSOURCE=… -DWORK=… -P program.cmake
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
file(REMOVE_RECURSE ${WORK})
foreach(component program plugins)
  run(${CMAKE_COMMAND} --install ${BUILD} --component ${component} --prefix ${WORK}/prefix)
endforeach()
configure_file(${SOURCE}/config/typical.yaml ${WORK}/typical.yaml COPYONLY)  # a configuration belongs to who runs it; a checkout may be another's
file(WRITE ${WORK}/credentials/db-password "secret\n")
run(${CMAKE_COMMAND} -E env CREDENTIALS_DIRECTORY=${WORK}/credentials ${WORK}/prefix/bin/baton check --load-plugins -c ${WORK}/typical.yaml)

# Handlers' processes are those of the small program that was installed with it, or its own where it stands alone.
file(GLOB_RECURSE exec ${WORK}/prefix/lib*/exec.so)
function(expect_handlers_of program)
  file(WRITE ${WORK}/with.yaml "command: [/bin/sh, -c, 'readlink /proc/$PPID/exe | grep ${WORK}/prefix/${program}']\n")
  run(${WORK}/prefix/bin/baton plugin run ${exec} --with ${WORK}/with.yaml)
endfunction()
expect_handlers_of(libexec/baton/runner-)
file(RENAME ${WORK}/prefix/libexec ${WORK}/elsewhere)
expect_handlers_of(bin/baton)

foreach(file man/man1/baton.1 man/man5/baton.yaml.5 baton/baton.schema.json bash-completion/completions/baton zsh/site-functions/_baton
    fish/vendor_completions.d/baton.fish)
  file(SIZE ${WORK}/prefix/share/${file} size)
  if(size LESS 1000)
    message(FATAL_ERROR "${file} has ${size} bytes")
  endif()
endforeach()
