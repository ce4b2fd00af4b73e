# What `cmake --install` puts where, and how others find it: a CMake package and a pkg-config file.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/hfreduce)
install(TARGETS hfreduce EXPORT hfreduce LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
foreach(program hfreduce-perf hfreduce-sched hfreduce-topo)
  if(TARGET ${program})
    set_target_properties(${program} PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")
    install(TARGETS ${program} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endforeach()
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT hfreduce NAMESPACE hfreduce:: FILE hfreduce-config.cmake DESTINATION ${package_dir})
# The C API is final in form: within a major version nothing that links today breaks (as the soname says).
write_basic_package_version_file(hfreduce-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hfreduce-config-version.cmake DESTINATION ${package_dir})

# Relative, so that an installed tree can be moved.
file(RELATIVE_PATH HFREDUCE_PREFIX_FROM_PC "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/hfreduce.pc.in hfreduce.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hfreduce.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
