# Compares the structures of the plugin ABI, as a library shows them, with the baseline that was stored.
#   cmake -DABIDIFF=… -DLIBRARY=… -DBASELINE=… [-DUPDATE=ON -DABIDW=…] -P abi_diff.cmake
# Without UPDATE any difference fails. With it, what was appended goes into the baseline; anything else is refused.
cmake_minimum_required(VERSION 3.25)

# As in docs/explanation/abi-policy.md; the others carry no size.
set(structures_that_grow baton_value baton_run_info baton_host baton_lease baton_store baton_parameter baton_metric baton_plugin_descriptor)

if(NOT EXISTS "${ABIDIFF}")
  message("${CMAKE_CURRENT_LIST_FILE}: Skipped\ncannot here: there is no abidiff; install abigail-tools")
  return()
endif()

set(report "")
if(EXISTS ${BASELINE})
  execute_process(COMMAND ${ABIDIFF} --leaf-changes-only --no-show-locs --no-architecture ${BASELINE} ${LIBRARY}
    RESULT_VARIABLE result OUTPUT_VARIABLE report ERROR_VARIABLE report)
  if(NOT result MATCHES "^[0-9]+$" OR result GREATER 15 OR result EQUAL 1 OR result EQUAL 2 OR result EQUAL 3)
    message(FATAL_ERROR "abidiff failed (${result}): ${report}")
  endif()
elseif(NOT UPDATE)
  message(FATAL_ERROR "no baseline: ${BASELINE}")
else()
  set(result 0)
endif()

# Every line of the report is that of an appended field, or the change breaks plugins.
set(breaking "")
set(old_size 0)
string(REPLACE ";" "," lines "${report}")
string(REPLACE "\n" ";" lines "${lines}")
if(NOT result EQUAL 0)
  foreach(line IN LISTS lines)
    if(line MATCHES "^$|summary:|data member insertions?:$|Added functions?:$|^ *\\[A\\] ")
      continue()
    elseif(line MATCHES "^'struct ([a-z_]+)' changed:$" AND CMAKE_MATCH_1 IN_LIST structures_that_grow)
      continue()
    elseif(line MATCHES "^  type size changed from ([0-9]+) to [0-9]+ ")
      set(old_size ${CMAKE_MATCH_1})
    elseif(line MATCHES "^    '[^']*', at offset ([0-9]+) " AND CMAKE_MATCH_1 GREATER_EQUAL old_size)
      continue()
    else()
      string(APPEND breaking "${line}\n")
    endif()
  endforeach()
endif()
if(breaking)
  message(FATAL_ERROR "This change breaks plugins that were built before; docs/explanation/abi-policy.md.\n${report}")
endif()

if(UPDATE)
  execute_process(COMMAND ${ABIDW} --no-comp-dir-path --no-corpus-path --no-show-locs --no-architecture --out-file ${BASELINE} ${LIBRARY}
    COMMAND_ERROR_IS_FATAL ANY)
elseif(NOT result EQUAL 0)
  message(FATAL_ERROR "The ABI has grown. Raise BATON_ABI_MINOR if a release has the old one, extend tests/sdk/abi_layout.c, and take it into the "
    "baseline: cmake --build build/release --target update_abi_baseline\n${report}")
endif()
