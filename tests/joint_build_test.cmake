# Sources are compiled jointly wherever the repository lies.
# Run with -DROOT=<repository> -DWORK=<folder> -DCXX=<compiler>.
cmake_minimum_required(VERSION 3.25)

foreach(place "c++" "r (1)")
  set(project "${WORK}/${place}")
  file(REMOVE_RECURSE ${WORK})
  file(WRITE "${project}/part/one.cpp" "")
  file(WRITE "${project}/CMakeLists.txt" "cmake_minimum_required(VERSION 3.25)
project(joint LANGUAGES CXX)
set(RANKSCOPE_JOINT ON)
include(\"${ROOT}/cmake/rankscope_library.cmake\")
rankscope_library(part FOLDER part)
get_source_file_property(group \"\${PROJECT_SOURCE_DIR}/part/one.cpp\" UNITY_GROUP)
if(NOT group STREQUAL part_0)
  message(FATAL_ERROR \"the group is \${group}\")
endif()
")
  execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S "${project}" -B "${project}/build"
                          -DCMAKE_CXX_COMPILER=${CXX}
                  OUTPUT_QUIET ERROR_VARIABLE errors RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "in a folder named ${place}: ${errors}")
  endif()
endforeach()
