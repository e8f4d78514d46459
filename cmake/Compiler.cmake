# Language, warnings, sanitizers, linker and compiler cache; everything here applies to our own targets only.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

set(CHORUS_SANITIZE "" CACHE STRING "Value of -fsanitize=, such as address,undefined or thread")

# For who builds the programs once, and then uses them: libraries compile with a precompiled header, what runs once a
# start or a command is optimised less, and a warning of another compiler stops nobody. Without it, as ./dev build and
# test configure a new folder, a file that does not include what it uses does not compile, and clang-tidy understands
# every command line.
option(CHORUS_QUICK "A build from nothing takes less time" OFF)
set(CHORUS_COLD)  # What a folder of such code adds to its options.
if(CHORUS_QUICK)
  set(CHORUS_COLD -O1)
  set(CMAKE_PCH_WARN_INVALID OFF)
endif()

# What every target of ours compiles with.
add_library(chorus_compile_options INTERFACE)
target_compile_options(chorus_compile_options INTERFACE
  -Wall -Wextra $<$<NOT:$<BOOL:${CHORUS_QUICK}>>:-Werror> -Wno-unused-parameter -Wno-missing-field-initializers
  -fno-math-errno)
if(CHORUS_SANITIZE)
  target_compile_options(chorus_compile_options INTERFACE
    -fsanitize=${CHORUS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -O1
    # gcc's sanitizers make these two warn about code that is right.
    -Wno-maybe-uninitialized -Wno-stringop-overflow)
  target_link_options(chorus_compile_options INTERFACE -fsanitize=${CHORUS_SANITIZE})
endif()

find_program(CHORUS_CCACHE ccache)
if(CHORUS_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CHORUS_CCACHE})
endif()
find_program(CHORUS_MOLD mold)
if(CHORUS_MOLD AND NOT CMAKE_CROSSCOMPILING)  # A compiler for another CPU looks for a linker of that name.
  target_link_options(chorus_compile_options INTERFACE -fuse-ld=mold)
endif()
