# Flags every target of ours shares. Floating point is bit-reproducible by contract (design D5), so
# contraction is off everywhere: a fused multiply-add happens only where the source writes one.
add_library(etb_flags INTERFACE)
target_include_directories(etb_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(etb_flags INTERFACE -ffp-contract=off -fno-math-errno -fvisibility=hidden
                                           -ffunction-sections -fdata-sections)
target_link_options(etb_flags INTERFACE -Wl,--gc-sections)
if(ETB_DEVELOPER)
  target_compile_options(etb_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror
    # g++ 12 warns inside std::string's own operator+ (GCC bug 105651) and of members of
    # std::variant and std::optional that are not there at that moment.
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
    # clang's -Wconversion is wider than g++'s, which is the measure here.
    $<$<CXX_COMPILER_ID:Clang>:-Wno-sign-conversion>
    $<$<CXX_COMPILER_ID:Clang>:-Wno-implicit-int-float-conversion>
    $<$<CXX_COMPILER_ID:Clang>:-Wno-unknown-warning-option>)
endif()
if(ETB_SANITIZE)
  target_compile_options(etb_flags INTERFACE -fsanitize=${ETB_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
  target_link_options(etb_flags INTERFACE -fsanitize=${ETB_SANITIZE})
endif()
if(ETB_FUZZ)
  target_compile_options(etb_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
