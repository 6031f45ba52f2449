# The interpreter itself, not a version manager's shim, for whatever a build runs and for what tests
# find as "python3": starting a shim costs ten times as much as starting Python.
#
# Sets Python3_EXECUTABLE, and ORDEAL_TEST_PYTHON for the workers of tests: the system's own where there
# is one, since workers of an unprivileged host must be able to read it. REQUIRES: find_package(Python3).
execute_process(COMMAND "${Python3_EXECUTABLE}" -c "import sys; print(sys.executable)"
  OUTPUT_VARIABLE ordeal_real_python OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT ordeal_real_python STREQUAL Python3_EXECUTABLE)
  set(Python3_EXECUTABLE "${ordeal_real_python}")
  set_target_properties(Python3::Interpreter PROPERTIES IMPORTED_LOCATION "${ordeal_real_python}")
  # ctest reads this before it runs a test.
  cmake_path(GET ordeal_real_python PARENT_PATH ordeal_python_folder)
  file(WRITE "${PROJECT_BINARY_DIR}/real_python.cmake"
    "set(ENV{PATH} \"${ordeal_python_folder}:\$ENV{PATH}\")\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${PROJECT_BINARY_DIR}/real_python.cmake")
endif()
find_program(ORDEAL_TEST_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
if(NOT ORDEAL_TEST_PYTHON)
  set(ORDEAL_TEST_PYTHON "${Python3_EXECUTABLE}")
endif()
