# Writes OUTPUT, the source of program_version() and claims_changed(), where the state of the repository ROOT has changed.
# Run at every build: cmake -DROOT=... -DOUTPUT=... -P program_version.cmake
cmake_minimum_required(VERSION 3.25)

set(version "unknown")
set(claims "")
# Set by git around its hooks, they would have git look at ROOT with the hook's repository or its index.
foreach(name GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR)
  unset(ENV{${name}})
endforeach()
find_program(git git)

# Sets `output` to what git says of ROOT, and `failed` where it cannot say.
macro(ask_git output)
  execute_process(COMMAND ${git} -C ${ROOT} ${ARGN} OUTPUT_VARIABLE ${output} RESULT_VARIABLE failed
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endmacro()

# Sets `changed` where a tracked file differs from the commit, or a file that the build takes by its ending is untracked.
macro(look_for_changes)
  set(compiled plots/templates/* results/published/*.csv)
  foreach(folder common engine datasets metrics results plots experiments)
    foreach(ending cpp h cu cuh inc)
      list(APPEND compiled ${folder}/*.${ending})
    endforeach()
  endforeach()
  ask_git(untracked ls-files --others --exclude-standard -- ${compiled})
  ask_git(ignored diff --quiet HEAD)
  set(changed FALSE)
  if(failed OR untracked)
    set(changed TRUE)
  endif()
endmacro()

# Sets `claims` to the day of the commit that changed the claims last. A shallow clone's oldest commit, which has lost its
# parents, seems to have made every file.
macro(date_claims)
  set(file experiments/paper/claims.yaml)
  ask_git(shallow rev-parse --is-shallow-repository)
  ask_git(parents log -1 --format=%P -- ${file})
  if(parents OR shallow STREQUAL "false")
    ask_git(claims log -1 --format=%cs -- ${file})
  endif()
  ask_git(ignored diff --quiet HEAD -- ${file})
  if(claims AND failed)
    string(APPEND claims ", changed since")
  endif()
endmacro()

if(git)
  ask_git(top rev-parse --show-toplevel)
  file(REAL_PATH ${ROOT} root)
  # Else sources without a repository were unpacked inside another.
  if(top STREQUAL root)
    ask_git(commit rev-parse --short=12 HEAD)
    if(NOT failed)
      set(version ${commit})
      look_for_changes()
      if(changed)
        string(APPEND version "-changed")
      endif()
      date_claims()
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
