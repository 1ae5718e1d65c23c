# The objects of the CPU kernels may define weak symbols (inline functions, templates) only in the
# namespace of their instruction set: the linker keeps one of several weak definitions, and it could
# be one that this processor cannot run.
# Run as: cmake -DNM=<nm> -DOBJECTS=<object>;... -P no_shared_inline.cmake
cmake_minimum_required(VERSION 3.25)

if(NOT OBJECTS)
  message(FATAL_ERROR "no objects given")
endif()
foreach(object IN LISTS OBJECTS)
  if(NOT EXISTS "${object}")
    message(FATAL_ERROR "${object} is missing: build first")
  endif()
  execute_process(COMMAND ${NM} --demangle --defined-only ${object} OUTPUT_VARIABLE text
                  COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE ";" "," text "${text}")
  string(REPLACE "\n" ";" lines "${text}")
  set(symbols 0)
  foreach(line IN LISTS lines)
    if(line MATCHES "^[0-9a-f]+ [A-Za-z] ")
      math(EXPR symbols "${symbols} + 1")
    endif()
    # W, V and u: weak functions, weak data, unique data. DW.ref: the address of a function elsewhere, which sanitizers
    # need of the one for exceptions.
    if(line MATCHES "^[0-9a-f]+ [WwVvu] " AND NOT line MATCHES "rankscope::(cpu|dense)::isa_[a-z0-9]+::"
       AND NOT line MATCHES " DW\\.ref\\.")
      message(SEND_ERROR "${object}: ${line}: shared between instruction sets")
    endif()
  endforeach()
  if(symbols EQUAL 0)
    message(FATAL_ERROR "${object}: nm shows no symbols")
  endif()
endforeach()
