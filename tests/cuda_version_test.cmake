# A CUDA toolkit without C++20 is left out and named; it stops no build.
# Run with -DROOT=<repository> -DWORK=<folder> -DCXX=<g++>.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${WORK})
file(WRITE ${WORK}/nvcc "#!/bin/sh\necho 'Cuda compilation tools, release 11.8, V11.8.89'\n")
file(CHMOD ${WORK}/nvcc PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
file(WRITE ${WORK}/CMakeLists.txt "cmake_minimum_required(VERSION 3.25)
project(cuda LANGUAGES CXX)
include(\"${ROOT}/cmake/rankscope_cuda.cmake\")
if(RANKSCOPE_CUDA OR NOT RANKSCOPE_WHY_NO_CUDA MATCHES \"nvcc is of CUDA 11.8; 12.0 or later is needed\")
  message(FATAL_ERROR \"RANKSCOPE_CUDA is \${RANKSCOPE_CUDA}, the reason: \${RANKSCOPE_WHY_NO_CUDA}\")
endif()
")
execute_process(COMMAND ${CMAKE_COMMAND} -G Ninja -S ${WORK} -B ${WORK}/build -DCMAKE_CXX_COMPILER=${CXX}
                        -DRANKSCOPE_NVCC=${WORK}/nvcc
                OUTPUT_QUIET ERROR_VARIABLE errors RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "${errors}")
endif()
