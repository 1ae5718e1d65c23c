# rankscope_library(TARGET FOLDER folder [SOURCES file...] [DEPENDS target...])
#
# One static library per top-level folder, from the sources given or from every .cpp in the folder,
# linked only to the libraries of the folders it may see. The include path is the repository root;
# tests/boundaries.cmake checks who includes whom.
set(RANKSCOPE_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                       -Wimplicit-fallthrough)

# rankscope_compile_jointly(TARGET)
#
# With RANKSCOPE_JOINT, compiles the target's sources about eight of a folder at a time: most of a
# build's time goes into headers and templates that all of them use. Which eight depends on the files'
# names alone, so that a new file changes one group. Names in anonymous namespaces may then meet: give
# them names of their own. Sources made by the build change at other times than the rest and stay alone.
function(rankscope_compile_jointly target)
  if(NOT RANKSCOPE_JOINT)
    return()
  endif()
  get_target_property(sources ${target} SOURCES)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # These two are about one source seeing another's names; the other presets look at each alone.
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wno-shadow>
                         $<$<COMPILE_LANGUAGE:CXX>:-Wno-subobject-linkage>)
  foreach(source IN LISTS sources)
    # Not by regular expressions: paths may hold + and (.
    cmake_path(IS_PREFIX PROJECT_SOURCE_DIR "${source}" ours)
    cmake_path(IS_PREFIX PROJECT_BINARY_DIR "${source}" made)
    if(NOT ours OR made OR NOT source MATCHES "\\.cpp$")
      continue()
    endif()
    cmake_path(GET source PARENT_PATH folder)
    list(APPEND folders ${folder})
    list(APPEND sources_in_${folder} ${source})
  endforeach()
  list(REMOVE_DUPLICATES folders)
  foreach(folder IN LISTS folders)
    file(RELATIVE_PATH folder_name ${PROJECT_SOURCE_DIR} ${folder})
    string(REPLACE "/" "_" folder_name ${folder_name})
    list(LENGTH sources_in_${folder} count)
    math(EXPR groups "(${count} + 7) / 8")
    foreach(source IN LISTS sources_in_${folder})
      cmake_path(GET source FILENAME name)
      string(MD5 hash ${name})
      string(SUBSTRING ${hash} 0 6 hash)
      math(EXPR group "0x${hash} % ${groups}")
      set_property(SOURCE ${source} PROPERTY UNITY_GROUP ${folder_name}_${group})
    endforeach()
  endforeach()
endfunction()

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
  rankscope_compile_jointly(${target})
endfunction()
