# etb_room(NAME SOURCES ... [ROOMS ...] [SYSTEM ...] [TESTS ...] [TEST_SYSTEM ...])
#   ROOMS:  rooms this one may see (public: their headers appear in ours)
#   SYSTEM: third-party targets
#   TESTS:  files beside the sources; they become one program, etb_NAME_test, run as test NAME
# In a cross build the tests run under an emulator and know it by ETB_EMULATED: what it does not show as a
# machine would (page faults, clocks, caches) is not asserted there.
function(etb_room name)
  cmake_parse_arguments(R "" "" "SOURCES;ROOMS;SYSTEM;TESTS;TEST_SYSTEM" ${ARGN})
  list(TRANSFORM R_ROOMS PREPEND etb_)
  if(R_SOURCES)
    add_library(etb_${name} STATIC ${R_SOURCES})
    target_link_libraries(etb_${name} PUBLIC etb_flags ${R_ROOMS} ${R_SYSTEM})
  else()
    add_library(etb_${name} INTERFACE)
    target_link_libraries(etb_${name} INTERFACE etb_flags ${R_ROOMS} ${R_SYSTEM})
  endif()
  if(ETB_DEVELOPER AND R_TESTS)
    add_executable(etb_${name}_test ${R_TESTS})
    target_link_libraries(etb_${name}_test PRIVATE etb_${name} etb_test_main ${R_TEST_SYSTEM})
    target_compile_definitions(etb_${name}_test PRIVATE
      ETB_SOURCE_DIR="${CMAKE_SOURCE_DIR}" $<$<BOOL:${CMAKE_CROSSCOMPILING}>:ETB_EMULATED>)
    add_test(NAME ${name} COMMAND etb_${name}_test WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
    set_tests_properties(${name} PROPERTIES TIMEOUT 600)
  endif()
endfunction()
