# Writes OUTPUT, the source of program_version() and claims_changed(), where the state of the repository ROOT has changed.
# Run at every build: cmake -DROOT=... -DOUTPUT=... -P program_version.cmake
set(version "unknown")
set(claims "")
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
    set(file experiments/paper/claims.yaml)
    execute_process(COMMAND ${git} -C ${ROOT} log -1 --format=%cs -- ${file} OUTPUT_VARIABLE claims
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND ${git} -C ${ROOT} diff --quiet HEAD -- ${file} RESULT_VARIABLE changed ERROR_QUIET)
    if(claims AND changed)
      string(APPEND claims ", changed since")
    endif()
  endif()
endif()
set(text "#include \"experiments/program_version.h\"\n\nnamespace rankscope {\n\n\
std::string program_version() { return \"${version}\"; }\n\n\
std::string claims_changed() { return \"${claims}\"; }\n\n}  // namespace rankscope\n")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} was)
endif()
if(NOT "${was}" STREQUAL "${text}")
  file(WRITE ${OUTPUT} "${text}")
endif()
