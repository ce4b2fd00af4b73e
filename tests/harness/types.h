// All types and operations, data for them, and what it comes to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "hfreduce.h"
#include "kernels/cpu/reduce.h"

namespace harness {

using hfreduce::kernels::DataType;
using hfreduce::kernels::ReduceOp;

using Bytes = std::vector<std::byte>;

struct Type {
  hfreduceDataType_t value;
  DataType inside;
};
inline constexpr Type kTypes[] = {{hfreduceInt8, DataType::kInt8},
                                  {hfreduceUint8, DataType::kUint8},
                                  {hfreduceInt16, DataType::kInt16},
                                  {hfreduceUint16, DataType::kUint16},
                                  {hfreduceInt32, DataType::kInt32},
                                  {hfreduceUint32, DataType::kUint32},
                                  {hfreduceInt64, DataType::kInt64},
                                  {hfreduceUint64, DataType::kUint64},
                                  {hfreduceFloat16, DataType::kFloat16},
                                  {hfreduceBfloat16, DataType::kBfloat16},
                                  {hfreduceFloat32, DataType::kFloat32},
                                  {hfreduceFloat64, DataType::kFloat64},
                                  {hfreduceBool, DataType::kBool},
                                  {hfreduceFloat8e4m3, DataType::kFloat8E4m3},
                                  {hfreduceFloat8e5m2, DataType::kFloat8E5m2}};
inline const std::pair<hfreduceRedOp_t, ReduceOp> kOps[] = {
    {hfreduceSum, ReduceOp::kSum},     {hfreduceProd, ReduceOp::kProd},
    {hfreduceMax, ReduceOp::kMax},     {hfreduceMin, ReduceOp::kMin},
    {hfreduceAvg, ReduceOp::kAvg},     {hfreduceBitAnd, ReduceOp::kBitAnd},
    {hfreduceBitOr, ReduceOp::kBitOr}, {hfreduceBitXor, ReduceOp::kBitXor}};

inline std::size_t size_of(const Type& type) { return hfreduce::kernels::size_of(type.inside); }

// Any bits: every number, denormals, infinities and NaNs.
inline Bytes random_bytes(std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes data(bytes);
  for (std::size_t at = 0; at < bytes; at += sizeof(std::uint64_t)) {
    const std::uint64_t word = random();
    std::memcpy(data.data() + at, &word, std::min(sizeof word, bytes - at));
  }
  return data;
}

// By the portable kernel, all sources in one step.
inline Bytes reduced(const Type& type, ReduceOp op, const std::vector<Bytes>& in,
                     std::int64_t divisor) {
  int tables = 0;
  Bytes out(in[0].size());
  std::vector<const void*> sources;
  for (const Bytes& source : in) sources.push_back(source.data());
  void* destination = out.data();
  hfreduce::kernels::ReduceArgs args;
  args.sources = sources.data();
  args.destinations = &destination;
  args.n_sources = static_cast<std::int32_t>(in.size());
  args.n_destinations = 1;
  args.count = out.size() / size_of(type);
  args.divisor = divisor;
  hfreduce::kernels::all_kernels(&tables)[0]
      ->reduce[static_cast<int>(type.inside)][static_cast<int>(op)](args);
  return out;
}

}  // namespace harness
