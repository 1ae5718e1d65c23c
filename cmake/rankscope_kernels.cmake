# rankscope_kernels(TARGET FOLDER folder)
#
# Compiles FOLDER/*.cpp once per instruction set (generic, avx2, avx512), each in a namespace of its own,
# RANKSCOPE_ISA, with the table function RANKSCOPE_KERNELS, and adds the objects to the library TARGET,
# whose sources see RANKSCOPE_HAS_AVX512 and its like. Kernels are optimised always (a debug build
# should differ in what it checks, not in the order of its sums) and hold no C++ library templates,
# whose inline code the linker would share between the sets.
function(rankscope_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "")
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${arg_FOLDER}/*.cpp)
  set(isas generic)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND isas avx2 avx512)
  endif()
  set(flags_generic "")
  set(flags_avx2 -march=x86-64-v3)
  set(flags_avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  foreach(isa IN LISTS isas)
    set(objects ${target}_kernels_${isa})
    add_library(${objects} OBJECT ${sources})
    target_include_directories(${objects} PRIVATE ${PROJECT_SOURCE_DIR})
    target_compile_features(${objects} PRIVATE cxx_std_20)
    target_compile_definitions(${objects} PRIVATE RANKSCOPE_ISA=isa_${isa}
      RANKSCOPE_KERNELS=kernels_${isa} RANKSCOPE_ISA_NAME="${isa}")
    target_compile_options(${objects} PRIVATE ${flags_${isa}} -O3
      -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wall -Wextra)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${objects}>)
    string(TOUPPER ${isa} upper)
    target_compile_definitions(${target} PRIVATE RANKSCOPE_HAS_${upper}=1)
  endforeach()
endfunction()
