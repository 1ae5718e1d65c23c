# The boundary check must catch what it is for. Run with -DCHECK=<boundaries.cmake> -DWORK=<folder>.
cmake_minimum_required(VERSION 3.25)

function(expect outcome file text)
  file(REMOVE_RECURSE ${WORK})
  file(WRITE ${WORK}/${file} "${text}\n")
  execute_process(COMMAND ${CMAKE_COMMAND} -DROOT=${WORK} -P ${CHECK} RESULT_VARIABLE result
                  OUTPUT_QUIET ERROR_QUIET)
  if((outcome STREQUAL "refused" AND result EQUAL 0) OR (outcome STREQUAL "allowed" AND result))
    message(FATAL_ERROR "${file} with '${text}' was not ${outcome}")
  endif()
endfunction()

expect(allowed engine/tensor/a.cpp "#include \"common/error.h\"")
expect(allowed engine/tensor/a.cpp "#include <vector>")
expect(allowed plots/a.h "#include \"results/store.h\"")
expect(allowed experiments/cli/a.cpp "#include \"plots/report.h\"")
expect(refused engine/tensor/a.cpp "#include \"datasets/example.h\"")
expect(refused common/a.h "#include \"engine/tensor/tensor.h\"")
expect(refused metrics/a.h "  #  include \"results/store.h\"")
expect(refused plots/a.cpp "#include \"metrics/rouge.h\"")
expect(refused engine/a.cu "#include <results/store.h>")
expect(refused engine/a.cpp "#include \"tensor.h\"")
expect(refused engine/a.cpp "#include \"common/../datasets/example.h\"")
