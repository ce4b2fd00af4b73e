/* hfreduce.h as C99 with every warning: it compiles, and what others rely on has the value it must.
 */
#include <hfreduce.h>

#define SAME(what, value) typedef char assert_##what[(what) == (value) ? 1 : -1]

/* As in nccl.h. */
SAME(hfreduceInt8, 0);
SAME(hfreduceUint8, 1);
SAME(hfreduceInt32, 2);
SAME(hfreduceUint32, 3);
SAME(hfreduceInt64, 4);
SAME(hfreduceUint64, 5);
SAME(hfreduceFloat16, 6);
SAME(hfreduceFloat32, 7);
SAME(hfreduceFloat64, 8);
SAME(hfreduceBfloat16, 9);
SAME(hfreduceFloat8e4m3, 10);
SAME(hfreduceFloat8e5m2, 11);
SAME(hfreduceSum, 0);
SAME(hfreduceProd, 1);
SAME(hfreduceMax, 2);
SAME(hfreduceMin, 3);
SAME(hfreduceAvg, 4);
SAME(hfreduceSystemError, 2);
SAME(hfreduceInternalError, 3);
SAME(hfreduceInvalidArgument, 4);
SAME(hfreduceInvalidUsage, 5);
SAME(hfreduceRemoteError, 6);
SAME(hfreduceInProgress, 7);
SAME(hfreduceScalarDevice, 0);
SAME(hfreduceScalarHostImmediate, 1);
SAME(HFREDUCE_CONFIG_UNDEF_INT, INT_MIN);
SAME(HFREDUCE_SPLIT_NOCOLOR, -1);

/* The layout that programs are compiled against; fields are only ever added at the end. */
SAME(HFREDUCE_UNIQUE_ID_BYTES, 128);
typedef char assert_unique_id[sizeof(hfreduceUniqueId) == 128 ? 1 : -1];
typedef char assert_size_first[offsetof(hfreduceConfig_t, size) == 0 ? 1 : -1];
typedef char assert_device[offsetof(hfreduceConfig_t, device) == sizeof(size_t) + 8 ? 1 : -1];
typedef char assert_stream[offsetof(hfreduceCallConfig_t, stream) == sizeof(size_t) + 8 ? 1 : -1];
typedef char assert_kind[offsetof(hfreduceMemConfig_t, kind) == sizeof(size_t) + 8 ? 1 : -1];
typedef char assert_code[offsetof(hfreduceErrorInfo_t, code) == sizeof(size_t) + 8 ? 1 : -1];

hfreduceConfig_t hfr_test_config(void);
hfreduceConfig_t hfr_test_config(void) {
  const hfreduceConfig_t config = HFREDUCE_CONFIG_INITIALIZER;
  return config;
}
