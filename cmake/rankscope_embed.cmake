# rankscope_embed(ENTRIES NAME_PART file...)
#
# Sets ENTRIES to initialisers {"name", R"file(text)file"}, one for each file by name, so that their
# texts become part of the program, which may run far from its sources. NAME_PART is get_filename_component's:
# NAME or NAME_WE. A file that changes is read again.
function(rankscope_embed entries name_part)
  set(text "")
  list(SORT ARGN)
  foreach(file IN LISTS ARGN)
    get_filename_component(name ${file} ${name_part})
    file(READ ${file} content)
    string(APPEND text "    {\"${name}\", R\"file(${content})file\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  endforeach()
  set(${entries} "${text}" PARENT_SCOPE)
endfunction()
