# Sets RANKSCOPE_CUDA where the CUDA toolkit is found (nvcc on PATH or in /usr/local/cuda) and may be
# used: then a CUDA error fails the build. Elsewhere backend/no_cuda stands in.
option(RANKSCOPE_USE_CUDA "Compile the CUDA backend where the toolkit is found" ON)
set(RANKSCOPE_CUDA OFF)
if(RANKSCOPE_USE_CUDA AND NOT RANKSCOPE_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  find_program(RANKSCOPE_NVCC nvcc HINTS /usr/local/cuda/bin ENV CUDA_PATH PATH_SUFFIXES bin)
  if(RANKSCOPE_NVCC)
    set(CMAKE_CUDA_COMPILER ${RANKSCOPE_NVCC})
    set(CMAKE_CUDA_ARCHITECTURES 80-real 90)  # 90: machine code, and PTX for what comes after
    enable_language(CUDA)
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      # CMake 3.25 does not know that nvcc has this standard.
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
    endif()
    find_package(CUDAToolkit REQUIRED)
    set(CMAKE_CUDA_FLAGS_RELEASE "-O3 -DNDEBUG")
    set(RANKSCOPE_CUDA ON)
    message(STATUS "CUDA ${CUDAToolkit_VERSION} (${RANKSCOPE_NVCC})")
  endif()
endif()
if(NOT RANKSCOPE_CUDA)
  message(STATUS "CUDA not compiled")
endif()
