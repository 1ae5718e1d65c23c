# Writes OUTPUT, the source of program_version(), where the state of the repository ROOT has changed.
# Run at every build: cmake -DROOT=... -DOUTPUT=... -P program_version.cmake
set(version "unknown")
find_program(git git)
if(git)
  execute_process(COMMAND ${git} -C ${ROOT} rev-parse --short=12 HEAD OUTPUT_VARIABLE commit
                  RESULT_VARIABLE failed OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT failed)
    set(version ${commit})
    execute_process(COMMAND ${git} -C ${ROOT} diff --quiet HEAD RESULT_VARIABLE changed ERROR_QUIET)
    if(changed)
      string(APPEND version "-changed")
    endif()
  endif()
endif()
set(text "#include \"experiments/program_version.h\"\n\nnamespace rankscope {\n\n\
std::string program_version() { return \"${version}\"; }\n\n}  // namespace rankscope\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} was)
endif()
if(NOT "${was}" STREQUAL "${text}")
  file(WRITE ${OUTPUT} "${text}")
endif()
