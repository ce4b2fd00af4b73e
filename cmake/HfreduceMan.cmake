# A man page for each of HFREDUCE_PROGRAMS, from its own --help. What a help does not tell stands beside the program's
# source, in <program>.man.
if(HFREDUCE_SANITIZE)
  return()
endif()
find_package(Python3 COMPONENTS Interpreter)
if(NOT Python3_FOUND OR (CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR))
  message(STATUS "No man pages: making them needs Python, and to run the programs that are built")
  return()
endif()
set(pages "")
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/man)
foreach(program ${HFREDUCE_PROGRAMS})
  get_target_property(source ${program} SOURCE_DIR)
  set(sections ${source}/${program}.man)
  if(NOT EXISTS ${sections})
    set(sections "")
  endif()
  set(page ${PROJECT_BINARY_DIR}/man/${program}.1.gz)
  add_custom_command(OUTPUT ${page}
                     COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/scripts/make_man
                             $<TARGET_FILE:${program}> ${page} ${sections}
                     DEPENDS ${program} ${PROJECT_SOURCE_DIR}/scripts/make_man ${sections}
                     COMMENT "Man page of ${program}" VERBATIM)
  list(APPEND pages ${page})
endforeach()
if(pages)
  add_custom_target(hfreduce_man ALL DEPENDS ${pages})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT tools)
endif()
