# Debian packages by CPack, one a component of the installation: the library, what is needed to build with it, the
# tools. `scripts/package` builds them; it configures for /usr, where Debian has a folder of libraries for each
# architecture.
set(HFREDUCE_PACKAGER "hfreduce maintainers <maintainers@hfreduce.invalid>" CACHE STRING
    "Who answers for the packages: Name <address>")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME hfreduce)
set(CPACK_PACKAGE_VENDOR hfreduce)
set(CPACK_PACKAGE_CONTACT "${HFREDUCE_PACKAGER}")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_COMPONENTS_ALL runtime development)
if(HFREDUCE_PROGRAMS)
  list(APPEND CPACK_COMPONENTS_ALL tools)
endif()
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(debian_version ${CPACK_PACKAGE_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE})
set(about "hfreduce sums and broadcasts buffers across processes and hosts, through\nshared memory inside a host \
and TCP between hosts, behind a C API that reads\nlike NCCL's. A call ends whatever dies, and every rank gets \
the same bits.\n.\n")

set(runtime_package libhfreduce${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME ${runtime_package})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
# Who links it needs this package, or a later one: hfreduce.h only grows.
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/packaging/triggers)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS libpmix2)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
    "collective communication between processes and hosts\n${about}This package contains the shared library.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libhfreduce-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${runtime_package} (= ${debian_version})")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SUGGESTS mpi-default-dev)
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
    "collective communication between processes and hosts (development files)\n${about}This package contains the \
headers, a CMake package and a pkg-config file.")

set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME hfreduce-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_TOOLS_PACKAGE_DEPENDS "${runtime_package} (>= ${PROJECT_VERSION})")
string(JOIN ", " programs ${HFREDUCE_PROGRAMS})
set(CPACK_DEBIAN_TOOLS_DESCRIPTION
    "collective communication between processes and hosts (tools)\n${about}This package contains ${programs}.")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${CMAKE_LIBRARY_OUTPUT_DIRECTORY})

# In the packages only: the licence and the changes, where Debian looks for them.
find_program(HFREDUCE_GZIP gzip)
if(HFREDUCE_GZIP)
  configure_file(packaging/changelog changelog.Debian @ONLY)
  execute_process(COMMAND ${HFREDUCE_GZIP} -9nkf changelog.Debian WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
                  COMMAND_ERROR_IS_FATAL ANY)
  foreach(component ${CPACK_COMPONENTS_ALL})
    string(TOUPPER ${component} key)
    set(documents ${CMAKE_INSTALL_DATAROOTDIR}/doc/${CPACK_DEBIAN_${key}_PACKAGE_NAME})
    install(FILES packaging/copyright ${PROJECT_BINARY_DIR}/changelog.Debian.gz DESTINATION ${documents}
            COMPONENT ${component} EXCLUDE_FROM_ALL)
  endforeach()
  install(FILES README.md DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/libhfreduce-dev
          COMPONENT development EXCLUDE_FROM_ALL)
endif()
include(CPack)
