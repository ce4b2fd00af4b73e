// A test that this machine cannot run: skipped with its reason, or, where nothing may be left out
// (HFR_NO_SKIP, as scripts/test --all sets it), failed with it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#define HFR_SKIP(reason)                                                                     \
  do {                                                                                       \
    if (std::getenv("HFR_NO_SKIP") != nullptr) FAIL() << "may not be skipped: " << (reason); \
    GTEST_SKIP() << (reason);                                                                \
  } while (false)
