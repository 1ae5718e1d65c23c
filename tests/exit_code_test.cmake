# A test program's exit code: 77, which CTest takes for a skip, is of nothing else. Run with
# -DPROGRAM=<tests_common>.
cmake_minimum_required(VERSION 3.25)

function(expect code)
  execute_process(COMMAND ${PROGRAM} ${ARGN} RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
  if(NOT result EQUAL code)
    message(FATAL_ERROR "${PROGRAM} ${ARGN}: exit code ${result}, not ${code}")
  endif()
endfunction()

expect(0 "exit code of no failure")
expect(77 "exit code of a skip")
expect(1 "exit code of 77 failures")
expect(1 "exit code of 77 failures,exit code of a skip")
expect(1 "exit code of what is no test")
expect(1 --no-such-option)
