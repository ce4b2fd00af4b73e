# What `cmake --install` puts where, and how others find it: a CMake package and a pkg-config file. Without
# --component all of it; the components are the Debian packages of HfreducePackages.cmake.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hfreduce)
install(TARGETS hfreduce EXPORT hfreduce LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        COMPONENT runtime NAMELINK_COMPONENT development)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.h")
# Every program of perf/ and tools/ whose name begins as the project's: HFREDUCE_PROGRAMS.
set(HFREDUCE_PROGRAMS "")
file(GLOB folders RELATIVE ${PROJECT_SOURCE_DIR} perf tools/*)
foreach(folder ${folders})
  if(HFREDUCE_BUILD_TOOLS AND EXISTS ${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
    list(FILTER targets INCLUDE REGEX "^hfreduce-")
    list(APPEND HFREDUCE_PROGRAMS ${targets})
  endif()
endforeach()
foreach(program ${HFREDUCE_PROGRAMS})
  set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
  install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
endforeach()
include(HfreduceMan)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT documents)

install(EXPORT hfreduce NAMESPACE hfreduce:: FILE hfreduce-config.cmake DESTINATION ${package_dir}
        COMPONENT development)
# The C API is final in form: within a major version nothing that links today breaks (as the soname says).
write_basic_package_version_file(hfreduce-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hfreduce-config-version.cmake DESTINATION ${package_dir}
        COMPONENT development)

# Relative, so that an installed tree can be moved.
file(RELATIVE_PATH HFREDUCE_PREFIX_FROM_PC "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/hfreduce.pc.in hfreduce.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hfreduce.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT development)
