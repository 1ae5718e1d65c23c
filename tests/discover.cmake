# After a test program is built: lists its test cases for CTest. Each case is one CTest test that
# carries the label of its folder and, by its Catch2 tags, one of gpu, slow or fast.
# Run with -DPROGRAM=<test program> -DFOLDER=<folder> -DOUTPUT=<file to write>.
cmake_minimum_required(VERSION 3.25)

# A CMake list does not break at a semicolon inside an open "[": brackets and semicolons stand aside
# as control characters until a name is written out.
string(ASCII 1 open)
string(ASCII 2 close)
string(ASCII 3 semicolon)

function(names_of spec result)
  execute_process(COMMAND ${PROGRAM} ${spec} --list-test-names-only OUTPUT_VARIABLE text
                  ERROR_VARIABLE errors RESULT_VARIABLE listed)
  string(REPLACE "[" "${open}" text "${text}")
  string(REPLACE "]" "${close}" text "${text}")
  string(REPLACE ";" "${semicolon}" text "${text}")
  string(REGEX REPLACE "\n$" "" text "${text}")
  string(REPLACE "\n" ";" names "${text}")
  # The exit status of a Catch2 listing is the number of tests, 255 at most.
  list(LENGTH names count)
  if(errors OR (NOT listed EQUAL count AND NOT (listed EQUAL 255 AND count GREATER 255)))
    message(FATAL_ERROR "${PROGRAM} ${spec}: ${count} names, status ${listed}: ${errors}")
  endif()
  set(${result} "${names}" PARENT_SCOPE)
endfunction()

names_of("~[.]" all)
names_of("[gpu]" gpu)
names_of("[slow]" slow)
if(NOT all)
  message(FATAL_ERROR "${PROGRAM} has no tests")
endif()

set(script "")
foreach(name IN LISTS all)
  set(label fast)
  if(name IN_LIST gpu)
    set(label gpu)
  elseif(name IN_LIST slow)
    set(label slow)
  endif()
  string(REPLACE "${open}" "[" name "${name}")
  string(REPLACE "${close}" "]" name "${name}")
  string(REPLACE "${semicolon}" ";" name "${name}")
  # What Catch2 would take as part of a test specification.
  string(REGEX REPLACE "([][,*\\~\"])" "\\\\\\1" exact "${name}")
  string(APPEND script
    "add_test([==[${FOLDER}: ${name}]==] [==[${PROGRAM}]==] [==[${exact}]==])\n"
    "set_tests_properties([==[${FOLDER}: ${name}]==] PROPERTIES LABELS \"${FOLDER};${label}\" "
    "SKIP_RETURN_CODE 77)\n")
endforeach()
file(WRITE ${OUTPUT} "${script}")
