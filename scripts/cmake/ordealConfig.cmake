# find_package(ordeal): ordeal::pool, ordeal::testing, ordeal::leak_check.
include(CMakeFindDependencyMacro)
foreach(part Threads fmt nlohmann_json simdjson tl-expected tomlplusplus SQLite3 GTest)
  find_dependency(${part})
endforeach()
include("${CMAKE_CURRENT_LIST_DIR}/ordealTargets.cmake")
