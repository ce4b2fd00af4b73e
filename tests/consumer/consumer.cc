// A C++ program that uses an installed hfreduce: a communicator of one rank, every struct
// initialised.
#include <hfreduce.h>

#include <iostream>

int main() {
  hfreduceUniqueId id;
  hfreduceConfig_t config = HFREDUCE_CONFIG_INITIALIZER;
  hfreduceCallConfig_t call = HFREDUCE_CALL_CONFIG_INITIALIZER;
  hfreduceMemConfig_t memory = HFREDUCE_MEM_CONFIG_INITIALIZER;
  hfreduceComm_t comm = nullptr;
  config.name = "consumer";
  hfreduceResult_t result = hfreduceGetUniqueId(&id);
  if (result == hfreduceSuccess) result = hfreduceCommInitRankConfig(&comm, 1, id, 0, &config);
  void* buffer = nullptr;
  if (result == hfreduceSuccess) result = hfreduceMemAlloc(&buffer, 64 * sizeof(int), &memory);
  int* values = static_cast<int*>(buffer);
  for (int i = 0; result == hfreduceSuccess && i < 64; ++i) values[i] = i;
  if (result == hfreduceSuccess) {
    result = hfreduceAllReduceEx(values, values, 64, hfreduceInt32, hfreduceMax, comm, &call);
  }
  for (int i = 0; result == hfreduceSuccess && i < 64; ++i) {
    if (values[i] != i) result = hfreduceInternalError;
  }
  if (result == hfreduceSuccess) result = hfreduceMemFree(buffer);
  if (result == hfreduceSuccess) result = hfreduceCommDestroy(comm);
  std::cerr << "consumer: " << hfreduceGetErrorString(result) << '\n';
  return result != hfreduceSuccess;
}
