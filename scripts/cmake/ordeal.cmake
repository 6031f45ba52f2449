# What every room's CMakeLists.txt is written with: compiler settings, ordeal_library(), ordeal_tool(),
# ordeal_test(). One place for warnings, sanitizers and the linker.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  # Optimised, since everything here measures something; -g1 keeps stack traces and halves link time.
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# Assertions on invariants stay on in release (DESIGN, style 13), so no -DNDEBUG.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

set(ORDEAL_SANITIZE "" CACHE STRING "comma list for -fsanitize=: address,undefined or thread")
if(ORDEAL_SANITIZE)
  # Instrumented code compiles slowly enough; -O1 is what the sanitizers' manuals advise.
  set(CMAKE_CXX_FLAGS_RELEASE "-O1 -g1")
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the checkout count relative to it, so that another checkout (a worktree, CI's fresh
  # clone, the build of a baseline's commit) finds what this one has compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    "${CMAKE_COMMAND};-E;env;CCACHE_BASEDIR=${PROJECT_SOURCE_DIR};CCACHE_NOHASHDIR=1;${CCACHE_PROGRAM}")
endif()

add_library(ordeal_options INTERFACE)
# $<BUILD_INTERFACE>: who links the installed libraries chooses warnings and linker for themselves.
set(ordeal_warnings
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual -Wconversion -Wno-missing-field-initializers
  # Determinism: no fused multiply-add that one compiler makes and another does not (DESIGN 3).
  -ffp-contract=off)
# Not with sanitizers: what they put in makes gcc warn of what is not there; the plain build judges.
if(NOT ORDEAL_SANITIZE)
  list(APPEND ordeal_warnings -Werror)
endif()
list(APPEND ordeal_warnings -Wno-sign-conversion)
target_compile_options(ordeal_options INTERFACE "$<BUILD_INTERFACE:${ordeal_warnings}>")
target_compile_features(ordeal_options INTERFACE cxx_std_20)
target_include_directories(ordeal_options INTERFACE
  "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>" "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/pool/include>"
  $<INSTALL_INTERFACE:include> $<INSTALL_INTERFACE:include/ordeal/rooms>)
if(ORDEAL_SANITIZE)
  target_compile_options(ordeal_options INTERFACE
    -fsanitize=${ORDEAL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(ordeal_options INTERFACE -fsanitize=${ORDEAL_SANITIZE})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  target_link_options(ordeal_options INTERFACE $<BUILD_INTERFACE:-fuse-ld=mold>)
endif()

# ordeal_library(NAME SOURCES a.cpp ... [PUBLIC lib ...] [PRIVATE lib ...])
function(ordeal_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(${name} PUBLIC ordeal_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# ordeal_on_call_path(NAME): a library that each call goes through. Nobody replaces its functions
# when the program is loaded, so they may be inlined although the code is position-independent.
function(ordeal_on_call_path name)
  target_compile_options(${name} PRIVATE -fno-semantic-interposition)
endfunction()

# ordeal_tool(NAME SOURCES main.cpp ... LIBS lib ...): an executable that people run, in build/bin.
function(ordeal_tool name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ordeal_options ${ARG_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
endfunction()

# ordeal_add_test(NAME PROGRAM [SHARDS]): the ctest entry alone.
function(ordeal_add_test name program)
  set(command ${program})
  if(ARGN)
    set(command "${Python3_EXECUTABLE}" -S "${PROJECT_SOURCE_DIR}/testing/cites/run_shards.py"
      ${ARGN} $<TARGET_FILE:${program}>)
  endif()
  add_test(NAME ${name} COMMAND ${command})
endfunction()

# ordeal_test(NAME LABELS l ... SOURCES x_test.cpp ... LIBS lib ... [TIMEOUT s] [RUN_SERIAL] [SHARDS n]
#             [ENVIRONMENT k=v ...])
# One ctest entry for each binary: 300 entries that do nothing cost more than a second.
# TIMEOUT is ctest's own guard against a hang, not part of any test's logic. SHARDS: so many processes
# at once, for a program whose tests wait more than they compute.
function(ordeal_test name)
  cmake_parse_arguments(ARG "RUN_SERIAL" "TIMEOUT;SHARDS" "SOURCES;LIBS;LABELS;ENVIRONMENT" ${ARGN})
  if(NOT ARG_LABELS)
    message(FATAL_ERROR "${name}: a test needs a label (layer_1, layer_2, layer_3, ...)")
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ordeal_options ${ARG_LIBS} GTest::gmock GTest::gtest_main)
  ordeal_add_test(${name} ${name} ${ARG_SHARDS})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
  if(ARG_RUN_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
  if(ARG_ENVIRONMENT)
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "${ARG_ENVIRONMENT}")
  endif()
endfunction()
