# What others get: ordeal::pool, ordeal::metrics, ordeal::testing with ordeal::leak_check, ordeal::chaos,
# ordeal::perf; the tools; the Python side; experiments and suites.
#
#   cmake --install build --prefix DIR;  find_package(ordeal)  with CMAKE_PREFIX_PATH=DIR
#
# Installed libraries are shared, with the minor version as SOVERSION: a program runs on the next patch
# release as it is (installed_patch_test). Each is made of the objects of its rooms' static libraries,
# which only this build knows. Public headers lie in include/ordeal/; those of the rooms, which the
# trial kit's headers use, in include/ordeal/rooms/, so that they get into nobody's way.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# ordeal_installed_library(NAME ROOMS static_library ... [LINK lib ...] [PRIVATE lib ...]): the target
# ordeal::NAME of an installation. LINK is what its users link too; PRIVATE what it alone needs.
function(ordeal_installed_library name)
  cmake_parse_arguments(ARG "" "" "ROOMS;LINK;PRIVATE" ${ARGN})
  set(target ordeal_installed_${name})
  list(TRANSFORM ARG_ROOMS REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)
  add_library(${target} SHARED ${objects})
  set_target_properties(${target} PROPERTIES
    EXPORT_NAME ${name} OUTPUT_NAME ordeal_${name} LINKER_LANGUAGE CXX
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib" INSTALL_RPATH "$ORIGIN")
  target_compile_features(${target} INTERFACE cxx_std_20)
  target_include_directories(${target} INTERFACE
    $<INSTALL_INTERFACE:include> $<INSTALL_INTERFACE:include/ordeal/rooms>)
  target_link_libraries(${target} PUBLIC ${ARG_LINK} PRIVATE ${ARG_PRIVATE})
  # A room that was forgotten is an undefined symbol here, not at the user's.
  target_link_options(${target} PRIVATE LINKER:--no-undefined)
  if(MOLD_PROGRAM)
    target_link_options(${target} PRIVATE -fuse-ld=mold)
  endif()
  if(ORDEAL_SANITIZE)  # nobody installs such a build, and it would not link: its runtime is the program's
    set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
  install(TARGETS ${target} EXPORT ordeal LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
endfunction()

ordeal_installed_library(pool
  ROOMS ordeal_pool_core ordeal_pool_wire ordeal_pool_options ordeal_pool_process ordeal_warden_blob
    ordeal_pool_clock ordeal_pool_store
    ordeal_pool ordeal_pool_observe ordeal_pool_migration
  LINK nlohmann_json::nlohmann_json tl::expected Threads::Threads
  PRIVATE fmt::fmt spdlog::spdlog simdjson::simdjson tomlplusplus::tomlplusplus SQLite::SQLite3)
# Apart, so that nobody needs prometheus-cpp who has no use for it.
ordeal_installed_library(metrics
  ROOMS ordeal_pool_metrics
  LINK ordeal_installed_pool
  PRIVATE Boost::headers prometheus-cpp::core fmt::fmt)
ordeal_installed_library(testing
  ROOMS ordeal_testing_model ordeal_testing_sim ordeal_trial_leaks ordeal_trial_timeouts ordeal_trial_recorded ordeal_trial_load ordeal_trial_zoo
    ordeal_trial_history ordeal_trial_toml ordeal_trial_checkers ordeal_trial_contract ordeal_trial_helpers
    ordeal_trial_isolation
  LINK ordeal_installed_pool GTest::gtest
  PRIVATE fmt::fmt tomlplusplus::tomlplusplus)
ordeal_installed_library(chaos
  ROOMS ordeal_chaos
  LINK ordeal_installed_testing
  PRIVATE fmt::fmt tomlplusplus::tomlplusplus SQLite::SQLite3)

# Slower or not, for anybody's programs. What measures the pool itself stays in ordeal-perf.
ordeal_installed_library(perf
  ROOMS ordeal_perf_measurement ordeal_perf_stats ordeal_perf_baseline ordeal_perf_compare ordeal_perf_python
  LINK ordeal_installed_pool
  PRIVATE fmt::fmt)

# Links what checks each test of a program into that program: a source, compiled by its user.
add_library(ordeal_installed_leak_check INTERFACE)
set_target_properties(ordeal_installed_leak_check PROPERTIES EXPORT_NAME leak_check)
target_sources(ordeal_installed_leak_check INTERFACE
  "$<INSTALL_INTERFACE:$<INSTALL_PREFIX>/${CMAKE_INSTALL_DATADIR}/ordeal/install_leak_check.cpp>")
target_link_libraries(ordeal_installed_leak_check INTERFACE ordeal_installed_testing)
install(TARGETS ordeal_installed_leak_check EXPORT ordeal)
install(FILES testing/leaks/install_leak_check.cpp DESTINATION ${CMAKE_INSTALL_DATADIR}/ordeal)

install(EXPORT ordeal NAMESPACE ordeal:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ordeal
  FILE ordealTargets.cmake)
install(DIRECTORY pool/include/ordeal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach(room pool testing chaos perf)
  install(DIRECTORY ${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ordeal/rooms
    FILES_MATCHING PATTERN "*.hpp" PATTERN tests EXCLUDE PATTERN include EXCLUDE
    PATTERN examples EXCLUDE PATTERN tools EXCLUDE PATTERN mutants EXCLUDE)
endforeach()
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/ordealConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
set(ORDEAL_PYTHON_DIR ${CMAKE_INSTALL_DATADIR}/ordeal/python_mock)
configure_package_config_file(scripts/cmake/ordealConfig.cmake.in
  "${CMAKE_CURRENT_BINARY_DIR}/ordealConfig.cmake"
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ordeal PATH_VARS ORDEAL_PYTHON_DIR)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/ordealConfig.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/ordealConfigVersion.cmake"
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ordeal)

install(TARGETS ordeal-pool ordeal-sim ordeal-chaos ordeal-relay ordeal-perf
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY python_mock/ DESTINATION ${CMAKE_INSTALL_DATADIR}/ordeal/python_mock
  FILES_MATCHING PATTERN "*.py" PATTERN "requirements-*.txt" PATTERN tests EXCLUDE)
install(DIRECTORY chaos/experiments DESTINATION ${CMAKE_INSTALL_DATADIR}/ordeal)
install(FILES perf/bench/slow_import_bridge.py DESTINATION ${CMAKE_INSTALL_DATADIR}/ordeal/perf/bench)
install(FILES perf/peers/peer.py DESTINATION ${CMAKE_INSTALL_DATADIR}/ordeal/perf/peers)
