# How everything here is compiled, and the three kinds of target: rooms, programs, tests.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 99)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)

find_program(HFREDUCE_CCACHE ccache)
if(HFREDUCE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${HFREDUCE_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${HFREDUCE_CCACHE})
endif()

add_library(hfreduce_flags INTERFACE)
# No contraction: a sum must have the same bits whatever the compiler finds to fuse.
target_compile_options(hfreduce_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -ffp-contract=off)
if(HFREDUCE_WARNINGS_ARE_ERRORS)
  target_compile_options(hfreduce_flags INTERFACE -Werror)
endif()
target_compile_definitions(hfreduce_flags INTERFACE _GNU_SOURCE)
target_include_directories(hfreduce_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_link_libraries(hfreduce_flags INTERFACE Threads::Threads fmt::fmt PkgConfig::sodium ${CMAKE_DL_LIBS})
if(HFREDUCE_SANITIZE)
  target_compile_options(hfreduce_flags INTERFACE -fsanitize=${HFREDUCE_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(hfreduce_flags INTERFACE -fsanitize=${HFREDUCE_SANITIZE})
  if(HFREDUCE_SANITIZE MATCHES thread)
    # The fences order a sleeper's announcement against a waker's flag (shm/doorbell.h). No data is handed over by
    # them, so it does no harm that this sanitizer does not model them.
    target_compile_options(hfreduce_flags INTERFACE -Wno-error=tsan -Wno-tsan)
  endif()
  if(HFREDUCE_SANITIZE MATCHES undefined)
    # Without what a crash tells as well, and what the address sanitizer sees: two fifths of the time of a build.
    target_compile_options(hfreduce_flags INTERFACE -fno-sanitize-recover=undefined
                           -fno-sanitize=null,vptr,object-size)
  endif()
endif()

# Headers that nearly every file reads, compiled once: half the time of a build, which then does not see that an
# #include is missing. So it is off by default, and on for the sanitizers' builds.
option(HFREDUCE_PRECOMPILED_HEADERS "Compile the standard library's headers once" OFF)
set(HFREDUCE_COMMON_HEADERS <algorithm> <array> <atomic> <chrono> <cstring> <filesystem> <fstream> <functional> <map>
  <memory> <mutex> <optional> <set> <span> <string> <thread> <variant> <vector> <fmt/format.h> <unistd.h>)
# hfr_headers(<target> <use> <headers...>): the targets of one use are compiled alike, <target> is the first of them.
function(hfr_headers target use)
  if(NOT HFREDUCE_PRECOMPILED_HEADERS)
    return()
  endif()
  get_property(first GLOBAL PROPERTY HFREDUCE_HEADERS_${use})
  if(first)
    target_precompile_headers(${target} REUSE_FROM ${first})
  else()
    target_precompile_headers(${target} PRIVATE ${HFREDUCE_COMMON_HEADERS} ${ARGN})
    set_property(GLOBAL PROPERTY HFREDUCE_HEADERS_${use} ${target})
  endif()
endfunction()

# What files named *_<set>.cc may use, by processor; on others they are empty.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  set(HFREDUCE_FLAGS_sse42 -msse4.2 -mpclmul)
  set(HFREDUCE_FLAGS_avx2 -mavx2 -mf16c -mbmi2)
  # g++ 12 takes its own intrinsics for uninitialized (its bug 105593).
  set(HFREDUCE_FLAGS_avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mvpclmulqdq -mpclmul -Wno-uninitialized
    -Wno-maybe-uninitialized)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  set(HFREDUCE_FLAGS_arm -march=armv8-a+crc+crypto)
endif()

# What each of these files, *_<set>.cc, may use. Their compiler options differ, so they read the headers themselves.
function(hfr_instruction_sets)
  foreach(source ${ARGN})
    string(REGEX REPLACE ".*_([a-z0-9]+)\\.cc$" "HFREDUCE_FLAGS_\\1" flags "${source}")
    if(DEFINED "${flags}")
      set(options ${${flags}})
      if(HFREDUCE_SANITIZE MATCHES undefined) # intrinsics nearly all: takes as long again to compile, and finds nothing
        list(APPEND options -fno-sanitize=undefined)
      endif()
      if(HFREDUCE_SANITIZE) # every intrinsic is inlined and instrumented otherwise: three times as long
        list(APPEND options -O0)
      endif()
      set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "${options}" SKIP_PRECOMPILE_HEADERS ON)
    endif()
  endforeach()
endfunction()

# A room: the object files of src/<name>. INSIDE: not (yet) a part of the shared library, only of what tools and unit
# tests link; EXCEPT <files>: but these are.
function(hfr_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "INSIDE" "" "EXCEPT")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  if(room_EXCEPT)
    list(TRANSFORM room_EXCEPT PREPEND ${PROJECT_SOURCE_DIR}/src/${name}/)
    list(REMOVE_ITEM sources ${room_EXCEPT})
    add_library(hfr_${name}_library OBJECT ${room_EXCEPT})
    target_link_libraries(hfr_${name}_library PUBLIC hfreduce_flags)
    set_property(GLOBAL APPEND PROPERTY HFREDUCE_ROOMS hfr_${name}_library)
  endif()
  add_library(hfr_${name} OBJECT ${sources})
  target_link_libraries(hfr_${name} PUBLIC hfreduce_flags)
  hfr_headers(hfr_${name} library)
  hfr_instruction_sets(${sources})
  if(room_INSIDE)
    set_property(GLOBAL APPEND PROPERTY HFREDUCE_ROOMS_INSIDE hfr_${name})
  else()
    set_property(GLOBAL APPEND PROPERTY HFREDUCE_ROOMS hfr_${name})
  endif()
endfunction()

# What takes long to compile and no time to run, as the reading of options and the writing of JSON: a third less.
set(HFREDUCE_QUICK_TO_COMPILE $<$<CONFIG:Release>:-O1>)
function(hfr_quick_to_compile)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "${HFREDUCE_QUICK_TO_COMPILE}")
endfunction()

# Under a sanitizer what is not the library itself takes half as long to compile without optimization.
function(hfr_plainly_if_sanitized target)
  if(HFREDUCE_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

# hfr_test(<file> <label> [rooms...]): one program a file, linked with the whole library's insides.
function(hfr_test source label)
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE hfreduce_internal GTest::gtest_main GTest::gmock)
  target_compile_options(${name} PRIVATE ${HFREDUCE_QUICK_TO_COMPILE})
  hfr_plainly_if_sanitized(${name})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests) # "harness/..."
  hfr_headers(${name} tests <gtest/gtest.h> <gmock/gmock.h>)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${label}.${name} COMMAND ${name})
  set_tests_properties(${label}.${name} PROPERTIES LABELS ${label} TIMEOUT 300)
endfunction()
