# What others link: ordeal::pool, and ordeal::testing with ordeal::leak_check.
#
#   cmake --install build --prefix DIR;  find_package(ordeal)  with CMAKE_PREFIX_PATH=DIR
#
# Public headers lie in include/ordeal/; those of the rooms, which the trial kit's headers use, in
# include/ordeal/rooms/, so that they get into nobody's way.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(ordeal_pool PROPERTIES EXPORT_NAME pool)
set_target_properties(ordeal_testing PROPERTIES EXPORT_NAME testing)
set_target_properties(ordeal_trial_leak_check PROPERTIES EXPORT_NAME leak_check)

install(EXPORT ordeal NAMESPACE ordeal:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ordeal
  FILE ordealTargets.cmake)
install(TARGETS
    ordeal_options ordeal_pool_core ordeal_pool_wire ordeal_pool_options ordeal_pool_process
    ordeal_pool_store ordeal_pool ordeal_testing_model ordeal_trial_leaks ordeal_trial_leak_check
    ordeal_trial_load ordeal_trial_checkers ordeal_trial_contract ordeal_trial_zoo
    ordeal_trial_helpers
    ordeal_trial_isolation ordeal_testing
  EXPORT ordeal)
install(DIRECTORY pool/include/ordeal DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach(room pool testing)
  install(DIRECTORY ${room} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ordeal/rooms
    FILES_MATCHING PATTERN "*.hpp" PATTERN tests EXCLUDE PATTERN include EXCLUDE
    PATTERN examples EXCLUDE PATTERN tools EXCLUDE PATTERN mutants EXCLUDE)
endforeach()
install(FILES testing/leaks/install_leak_check.cpp DESTINATION ${CMAKE_INSTALL_DATADIR}/ordeal)
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/ordealConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES scripts/cmake/ordealConfig.cmake
    "${CMAKE_CURRENT_BINARY_DIR}/ordealConfigVersion.cmake"
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/ordeal)
