// hfreduce.h as C++11 with every warning; values made at run time are legal in its enumerations.
#include <hfreduce.h>

static_assert(static_cast<hfreduceRedOp_t>(1000) == hfreduceFirstCreatedOp, "created operations");
static_assert(static_cast<hfreduceDataType_t>(0x7fffffff) == hfreduceDataTypeForceInt, "range");
static_assert(static_cast<hfreduceResult_t>(0x7fffffff) == hfreduceResultForceInt, "range");

const hfreduceConfig_t hfr_test_config = HFREDUCE_CONFIG_INITIALIZER;
const hfreduceCallConfig_t hfr_test_call = HFREDUCE_CALL_CONFIG_INITIALIZER;
const hfreduceMemConfig_t hfr_test_memory = HFREDUCE_MEM_CONFIG_INITIALIZER;
const hfreduceErrorInfo_t hfr_test_error = HFREDUCE_ERROR_INFO_INITIALIZER;
