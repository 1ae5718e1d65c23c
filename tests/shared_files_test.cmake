# Tests of data sets are skipped where their folders are there and the files are not. Run with
# -DPROGRAM=<tests_metrics> -DWORK=<folder>.
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/data/samsum ${WORK}/data/mnli ${WORK}/data/wikisql)
set(ENV{RANKSCOPE_SHARED} ${WORK})
foreach(test "ROUGE of SAMSum's texts is rouge_score's bit for bit"
             "the stem of every word of the data sets is NLTK's"
             "WikiSQL's gold queries survive their text and give their rows")
  execute_process(COMMAND ${PROGRAM} ${test} RESULT_VARIABLE result OUTPUT_VARIABLE text
                  ERROR_VARIABLE text)
  if(NOT result EQUAL 77)
    message(FATAL_ERROR "'${test}' ended with ${result} instead of being skipped:\n${text}")
  endif()
endforeach()
