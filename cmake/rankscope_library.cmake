# rankscope_library(TARGET FOLDER folder [SOURCES file...] [DEPENDS target...])
#
# One static library per top-level folder, from the sources given or from every .cpp in the folder,
# linked only to the libraries of the folders it may see. The include path is the repository root;
# tests/boundaries.cmake checks who includes whom.
set(RANKSCOPE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                       -Wimplicit-fallthrough $<$<BOOL:${RANKSCOPE_WERROR}>:-Werror>)

function(rankscope_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FOLDER" "SOURCES;DEPENDS")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_FOLDER)
    message(FATAL_ERROR "rankscope_library(${target}): wrong arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT arg_SOURCES)
    file(GLOB_RECURSE arg_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${arg_FOLDER}/*.cpp)
  endif()
  add_library(${target} STATIC ${arg_SOURCES})
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${RANKSCOPE_WARNINGS}>)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS})
endfunction()
