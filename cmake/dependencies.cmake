# Third-party libraries: Debian packages, and the ExecuTorch wheel unpacked by scripts/setup.sh.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(pcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)

set(ETB_EXECUTORCH_ROOT ${CMAKE_SOURCE_DIR}/.deps/executorch-${CMAKE_SYSTEM_PROCESSOR}/executorch
    CACHE PATH "The executorch wheel's package folder (holds include/ and lib/)")
if(NOT EXISTS ${ETB_EXECUTORCH_ROOT}/lib/libexecutorch.so)
  message(FATAL_ERROR "No ExecuTorch runtime at ${ETB_EXECUTORCH_ROOT}: run scripts/setup.sh "
                      "(or `make build`), or set ETB_EXECUTORCH_ROOT.")
endif()
# The wheel's own record of its version, shown by `etbridge --version`.
file(GLOB etb_wheel_record ${ETB_EXECUTORCH_ROOT}/../executorch-*.dist-info)
string(REGEX REPLACE ".*executorch-([^/]*)[.]dist-info.*" "\\1" ETB_EXECUTORCH_VERSION
       "${etb_wheel_record}")
if(NOT ETB_EXECUTORCH_VERSION)
  set(ETB_EXECUTORCH_VERSION "of unknown version")
endif()
# Headers are SYSTEM: upstream warns in them. The definitions must match the wheel's own build.
add_library(etb_executorch INTERFACE)
target_include_directories(etb_executorch SYSTEM INTERFACE
  ${ETB_EXECUTORCH_ROOT}/include
  ${ETB_EXECUTORCH_ROOT}/include/executorch/runtime/core/portable_type/c10)
target_compile_definitions(etb_executorch INTERFACE
  C10_USING_CUSTOM_GENERATED_MACROS ET_EVENT_TRACER_ENABLED ET_USE_THREADPOOL)
target_link_libraries(etb_executorch INTERFACE
  ${ETB_EXECUTORCH_ROOT}/lib/libexecutorch.so
  ${ETB_EXECUTORCH_ROOT}/lib/libexecutorch_threadpool.so)

if(ETB_DEVELOPER)
  find_package(GTest REQUIRED)
  add_library(etb_test_main INTERFACE)
  target_link_libraries(etb_test_main INTERFACE GTest::gtest GTest::gtest_main Threads::Threads)
endif()
