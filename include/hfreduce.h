/* SPDX-License-Identifier: Apache-2.0
 *
 * hfreduce: collective communication between processes and hosts.
 *
 * Who knows nccl.h knows this header: prefix `hfreduce`, same names, same order of arguments, and
 * the same enumerator values wherever both have the item. Our own result codes, types and
 * operations start at 100. It is C99-clean and needs no CUDA header.
 *
 * Conventions that hold for every function below:
 *  - The result is hfreduceSuccess or a named error. hfreduceCommGetErrorInfo tells the whole
 * story: which rank, which host, what happened, what to do. Once an operation on a communicator has
 * failed, every later operation on it returns that same error; it can then only be aborted and
 * destroyed.
 *  - Counts are in elements, sizes in bytes, times in milliseconds.
 *  - One thread at a time may use a communicator, except that Abort, Revoke, GetAsyncError,
 *    GetErrorInfo, GetInfo and RequestTest may be called from any thread at any time. Different
 *    communicators are independent.
 *  - Operations on a communicator are matched between its ranks by their order.
 *  - Items marked "not supported yet" are declared in their final form and return
 * hfreduceNotSupported.
 *  - hfreduceInvalidArgument: a null or nonsensical argument. hfreduceInvalidUsage: a handle that
 * is not one (never made, destroyed, or carried into a forked child), or a call made in the wrong
 * place. Any function may return these two; they are not repeated below.
 */
#ifndef HFREDUCE_H_
#define HFREDUCE_H_

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HFREDUCE_API __attribute__((visibility("default")))
#else
#define HFREDUCE_API
#endif

#define HFREDUCE_MAJOR 0
#define HFREDUCE_MINOR 1
#define HFREDUCE_PATCH 0
#define HFREDUCE_VERSION_CODE (HFREDUCE_MAJOR * 10000 + HFREDUCE_MINOR * 100 + HFREDUCE_PATCH)

/* ---------------------------------------------------------------- handles and enumerations */

/* A communicator as one rank sees it. Looked up in a table, never dereferenced blind: a stale
 * handle is hfreduceInvalidUsage, not a crash. */
typedef struct hfreduceComm* hfreduceComm_t;
/* An operation that was started and not yet waited for. */
typedef struct hfreduceRequest* hfreduceRequest_t;
/* A cudaStream_t goes in as it is. Must be NULL on a communicator of host memory. */
typedef struct CUstream_st* hfreduceStream_t;

#define HFREDUCE_UNIQUE_ID_BYTES 128
/* Addresses, port and secret of a job: opaque, plain bytes, to be carried to the other ranks by any
 * means that keeps a secret. */
typedef struct {
  char internal[HFREDUCE_UNIQUE_ID_BYTES];
} hfreduceUniqueId;

typedef enum {
  hfreduceSuccess = 0,
  hfreduceUnhandledCudaError = 1,
  hfreduceSystemError = 2, /* the operating system refused something: the text names what and why */
  hfreduceInternalError = 3,     /* a bug in hfreduce */
  hfreduceInvalidArgument = 4,   /* an argument makes no sense */
  hfreduceInvalidUsage = 5,      /* a call that is not legal here */
  hfreduceRemoteError = 6,       /* another rank failed: the text says which and how */
  hfreduceInProgress = 7,        /* not finished yet */
  hfreduceTimeout = 8,           /* a deadline passed: the text says who was waited for */
  hfreducePeerDead = 100,        /* a process of the communicator ended */
  hfreducePeerUnreachable = 101, /* a host, or the way to it, fell silent */
  hfreduceMismatch = 102,      /* ranks called different operations, counts, types, ops or roots */
  hfreduceAborted = 103,       /* hfreduceCommAbort, here or on another rank */
  hfreduceNotSupported = 104,  /* declared, but not built yet */
  hfreduceAuthFailed = 105,    /* no secret, or the wrong one */
  hfreduceDataCorrupt = 106,   /* a checksum did not match */
  hfreduceOutOfMemory = 107,   /* memory could not be had */
  hfreduceProtocolError = 108, /* an authenticated peer sent nonsense (another version?) */
  hfreduceNumResults = 109,
  hfreduceResultForceInt = 0x7fffffff
} hfreduceResult_t;

typedef enum {
  hfreduceInt8 = 0,
  hfreduceChar = 0,
  hfreduceUint8 = 1,
  hfreduceInt32 = 2,
  hfreduceInt = 2,
  hfreduceUint32 = 3,
  hfreduceInt64 = 4,
  hfreduceUint64 = 5,
  hfreduceFloat16 = 6,
  hfreduceHalf = 6,
  hfreduceFloat32 = 7,
  hfreduceFloat = 7,
  hfreduceFloat64 = 8,
  hfreduceDouble = 8,
  hfreduceBfloat16 = 9,
  hfreduceFloat8e4m3 = 10, /* OCP's, torch.float8_e4m3fn: no infinity, the largest is 448 */
  hfreduceFloat8e5m2 = 11, /* OCP's, torch.float8_e5m2 */
  hfreduceInt16 = 100,
  hfreduceUint16 = 101,
  hfreduceBool = 102, /* one byte: 0 is false, any other is true */
  hfreduceDataTypeForceInt = 0x7fffffff
} hfreduceDataType_t;

/* Integers wrap. min and max hand a NaN on. avg divides the sum once by the number of ranks (floats
 * in float32 or float64, integers truncate towards zero). 16-bit and 8-bit floats are summed in
 * float32 inside one reduce step and rounded to nearest even once per hop; denormals are kept. What
 * is too large for a float becomes an infinity, and for float8e4m3, which has none, the largest
 * value, 448, as torch converts (NCCL does so for float8e5m2 too; here that overflows like
 * float16). Every NaN that was computed is the same one. Of bool, sum, max and BitOr are "or",
 * prod, min and BitAnd are "and", BitXor is "xor", and results are 0 or 1; there is no avg.
 * Bitwise operations take integers and bool. What a type lacks is hfreduceInvalidArgument. Every
 * rank gets the same bits. A rank alone gets its own bits, unless an operation was created. */
typedef enum {
  hfreduceSum = 0,
  hfreduceProd = 1,
  hfreduceMax = 2,
  hfreduceMin = 3,
  hfreduceAvg = 4,
  hfreduceBitAnd = 100,
  hfreduceBitOr = 101,
  hfreduceBitXor = 102,
  /* From here on: made by hfreduceRedOpCreatePreMulSum. */
  hfreduceFirstCreatedOp = 1000,
  hfreduceRedOpForceInt = 0x7fffffff
} hfreduceRedOp_t;

typedef enum {
  hfreduceScalarDevice = 0,
  hfreduceScalarHostImmediate = 1,
  hfreduceScalarResidenceForceInt = 0x7fffffff
} hfreduceScalarResidence_t;

typedef enum {
  hfreduceMemHost = 0,   /* host memory that peers on the same host can always map */
  hfreduceMemDevice = 1, /* not supported yet */
  hfreduceMemKindForceInt = 0x7fffffff
} hfreduceMemKind_t;

/* The value of a config field that was not set: the default, or the environment, decides. */
#define HFREDUCE_CONFIG_UNDEF_INT INT_MIN
#define HFREDUCE_CONFIG_UNDEF_PTR NULL

#define HFREDUCE_DEVICE_HOST (-1)
#define HFREDUCE_DEVICE_AUTO INT_MIN
#define HFREDUCE_SPLIT_NOCOLOR (-1)
#define HFREDUCE_MAGIC 0x68667264u

/* ---------------------------------------------------------------- structs that a caller fills
 * Each begins with size, magic and version, set by its initializer macro. Fields are only ever
 * added at the end, so a program compiled against an older header goes on working. */

typedef struct {
  size_t size;
  unsigned int magic;
  unsigned int version;
  /* HFREDUCE_DEVICE_HOST: host memory only, never touches CUDA. An ordinal: device memory, ordered
   * by stream (not supported yet). HFREDUCE_DEVICE_AUTO, the default: this thread's current CUDA
   * device if the process already uses CUDA, else HOST. Ranks that resolve differently fail at
   * joining. */
  int device;
  int blocking;        /* 1 (default): initialisation returns when done; 0: not supported yet */
  int timeout_ms;      /* an operation's deadline; default 1,800,000 (30 min) */
  int init_timeout_ms; /* how long joining waits for all ranks; default 300,000 (5 min) */
  const char* name;    /* appears in logs and errors; copied; default "comm" */
} hfreduceConfig_t;

#define HFREDUCE_CONFIG_INITIALIZER                                                           \
  {                                                                                           \
    sizeof(hfreduceConfig_t), HFREDUCE_MAGIC, HFREDUCE_VERSION_CODE, HFREDUCE_DEVICE_AUTO,    \
        HFREDUCE_CONFIG_UNDEF_INT, HFREDUCE_CONFIG_UNDEF_INT, HFREDUCE_CONFIG_UNDEF_INT, NULL \
  }

typedef struct {
  size_t size;
  unsigned int magic;
  unsigned int version;
  hfreduceStream_t stream;    /* NULL on a communicator of host memory */
  hfreduceRequest_t* request; /* NULL: block until the result is there; else start and return */
  int timeout_ms;             /* this operation's deadline; default: the communicator's */
  const char* algorithm; /* force one by name (`hfreduce-sched list`), and after an @ its segment in
                            bytes ("ring@64K"); NULL: the planner chooses. The same on all ranks. */
} hfreduceCallConfig_t;

#define HFREDUCE_CALL_CONFIG_INITIALIZER                                             \
  {                                                                                  \
    sizeof(hfreduceCallConfig_t), HFREDUCE_MAGIC, HFREDUCE_VERSION_CODE, NULL, NULL, \
        HFREDUCE_CONFIG_UNDEF_INT, NULL                                              \
  }

typedef struct {
  size_t size;
  unsigned int magic;
  unsigned int version;
  hfreduceMemKind_t kind;
  int numa_node;    /* preferred node; default: wherever it is touched first */
  size_t page_size; /* 0: the largest that the machine gives */
  int device;       /* for hfreduceMemDevice */
} hfreduceMemConfig_t;

#define HFREDUCE_MEM_CONFIG_INITIALIZER                                                  \
  {                                                                                      \
    sizeof(hfreduceMemConfig_t), HFREDUCE_MAGIC, HFREDUCE_VERSION_CODE, hfreduceMemHost, \
        HFREDUCE_CONFIG_UNDEF_INT, 0, HFREDUCE_CONFIG_UNDEF_INT                          \
  }

/* Filled by hfreduceCommGetErrorInfo; `size`, `magic` and `version` by the caller. */
typedef struct {
  size_t size;
  unsigned int magic;
  unsigned int version;
  hfreduceResult_t code;
  int rank;          /* whom the error is about; -1: nobody in particular */
  uint64_t sequence; /* the operation's number on its communicator, from 1; 0: none */
  char host[256];    /* where that rank is; empty: unknown */
  char phase[64];    /* "join", "allreduce", ... */
  char text[1024];   /* what was tried, on what, what happened, what to do */
} hfreduceErrorInfo_t;

#define HFREDUCE_ERROR_INFO_INITIALIZER                                                         \
  {                                                                                             \
    sizeof(hfreduceErrorInfo_t), HFREDUCE_MAGIC, HFREDUCE_VERSION_CODE, hfreduceSuccess, -1, 0, \
        "", "", ""                                                                              \
  }

/* ---------------------------------------------------------------- the library */

/* MAJOR * 10000 + MINOR * 100 + PATCH of the library that is loaded. */
HFREDUCE_API hfreduceResult_t hfreduceGetVersion(int* version);
/* A short English name of a code; never NULL; static storage. Thread-safe. */
HFREDUCE_API const char* hfreduceGetErrorString(hfreduceResult_t result);

typedef enum {
  hfreduceLogError = 0,
  hfreduceLogWarn = 1,
  hfreduceLogInfo = 2,
  hfreduceLogTrace = 3,
  hfreduceLogForceInt = 0x7fffffff
} hfreduceLogLevel_t;
typedef void (*hfreduceLogFn)(hfreduceLogLevel_t level, const char* part, const char* message,
                              void* user);
/* Sends every log line that HFREDUCE_DEBUG lets through to `fn` instead of standard error or
 * HFREDUCE_DEBUG_FILE; NULL goes back. Called from any thread, one call at a time; `fn` must not
 * call hfreduce. */
HFREDUCE_API hfreduceResult_t hfreduceSetLogger(hfreduceLogFn fn, void* user);

/* ---------------------------------------------------------------- joining */

/* Makes this process listen for the ranks of a new communicator, whatever its own rank will be, and
 * writes the id that every rank hands to hfreduceCommInitRank. An id serves one communicator.
 * Errors: hfreduceSystemError (no socket). Thread-safe. */
HFREDUCE_API hfreduceResult_t hfreduceGetUniqueId(hfreduceUniqueId* id);

/* Joins communicator `id` as `rank` of `nranks` (0 <= rank < nranks <= 2^20). Returns when all
 * ranks have joined, or with an error on every rank that did. One thread that makes several ranks
 * puts the calls between hfreduceGroupStart and hfreduceGroupEnd. `config` NULL: defaults. Errors:
 * hfreduceTimeout (names the missing ranks), hfreduceAuthFailed, hfreducePeerDead,
 * hfreduceInvalidArgument (rank out of range or taken twice, sizes that differ, an id of another
 * job), hfreduceSystemError, hfreduceOutOfMemory. On error *comm is NULL. */
HFREDUCE_API hfreduceResult_t hfreduceCommInitRank(hfreduceComm_t* comm, int nranks,
                                                   hfreduceUniqueId id, int rank);
HFREDUCE_API hfreduceResult_t hfreduceCommInitRankConfig(hfreduceComm_t* comm, int nranks,
                                                         hfreduceUniqueId id, int rank,
                                                         const hfreduceConfig_t* config);
/* As hfreduceCommInitRankConfig with several ids, so that no single listener serves all. Not
 * supported yet. */
HFREDUCE_API hfreduceResult_t hfreduceCommInitRankScalable(hfreduceComm_t* comm, int nranks,
                                                           int rank, int nids,
                                                           const hfreduceUniqueId* ids,
                                                           const hfreduceConfig_t* config);
/* `n` ranks in this process, comms[0..n-1]. devices[i] -1 is HOST; `devices` NULL: all HOST unless
 * the process already uses CUDA. */
HFREDUCE_API hfreduceResult_t hfreduceCommInitAll(hfreduceComm_t* comms, int n, const int* devices);
/* Joins from what the launcher left in the environment: PMIx (mpirun, srun), RANK / WORLD_SIZE /
 * MASTER_ADDR / MASTER_PORT (torchrun, by hand), or Slurm's variables. docs/joining.md has the
 * order and where the secret comes from. The n-th call in a process meets the n-th call of the
 * others. Errors: as hfreduceCommInitRank; hfreduceInvalidUsage when no launcher is recognised;
 * hfreduceAuthFailed with the sentence that says what to set when several hosts share no secret. */
HFREDUCE_API hfreduceResult_t hfreduceCommInitFromEnv(hfreduceComm_t* comm,
                                                      const hfreduceConfig_t* config);
/* Collective over `comm`: ranks with the same `color` (>= 0) form *newcomm, ordered by `key`, then
 * by their rank; HFREDUCE_SPLIT_NOCOLOR gets NULL. `config` NULL inherits. Where ranks do not all
 * call it within init_timeout_ms, `comm` has failed; where only the joining of *newcomm fails,
 * `comm` goes on. Errors: as hfreduceCommInitRank. */
HFREDUCE_API hfreduceResult_t hfreduceCommSplit(hfreduceComm_t comm, int color, int key,
                                                hfreduceComm_t* newcomm,
                                                const hfreduceConfig_t* config);
#define HFREDUCE_SHRINK_DEFAULT 0
#define HFREDUCE_SHRINK_ABORT 1
#define HFREDUCE_REVOKE_DEFAULT 0
#define HFREDUCE_SUSPEND_MEM 1
/* A communicator without the ranks in exclude[0..n-1]. Not supported yet. */
HFREDUCE_API hfreduceResult_t hfreduceCommShrink(hfreduceComm_t comm, const int* exclude, int n,
                                                 hfreduceComm_t* newcomm,
                                                 const hfreduceConfig_t* config, int flags);
/* An id by which new ranks may join with hfreduceCommGrow. Not supported yet. */
HFREDUCE_API hfreduceResult_t hfreduceCommGetUniqueId(hfreduceComm_t comm, hfreduceUniqueId* id);
/* A communicator of `nranks`, more than `comm` has; new ranks pass comm NULL. Not supported yet. */
HFREDUCE_API hfreduceResult_t hfreduceCommGrow(hfreduceComm_t comm, int nranks,
                                               const hfreduceUniqueId* id, int rank,
                                               hfreduceComm_t* newcomm,
                                               const hfreduceConfig_t* config);

/* ---------------------------------------------------------------- a communicator's life */

/* Waits until what was started on `comm` is done; no operation may follow. Destroy still frees it.
 */
HFREDUCE_API hfreduceResult_t hfreduceCommFinalize(hfreduceComm_t comm);
/* Frees `comm`; aborts first if work is outstanding. Never waits for peers. A second Destroy is
 * hfreduceInvalidUsage. */
HFREDUCE_API hfreduceResult_t hfreduceCommDestroy(hfreduceComm_t comm);
/* Ends what is outstanding, here at once and on the other ranks within 1 s, with hfreduceAborted;
 * keeps the handle (Destroy frees it). Needs no peer. Any thread, any state. */
HFREDUCE_API hfreduceResult_t hfreduceCommAbort(hfreduceComm_t comm);
/* Stops `comm` on all ranks but keeps it fit for Shrink. Not supported yet. */
HFREDUCE_API hfreduceResult_t hfreduceCommRevoke(hfreduceComm_t comm, int flags);
/* Give a communicator's memory back for a while, and take it again. Not supported yet. */
HFREDUCE_API hfreduceResult_t hfreduceCommSuspend(hfreduceComm_t comm, int flags);
HFREDUCE_API hfreduceResult_t hfreduceCommResume(hfreduceComm_t comm);

HFREDUCE_API hfreduceResult_t hfreduceCommCount(hfreduceComm_t comm, int* count);
HFREDUCE_API hfreduceResult_t hfreduceCommUserRank(hfreduceComm_t comm, int* rank);
/* The CUDA ordinal, or HFREDUCE_DEVICE_HOST. */
HFREDUCE_API hfreduceResult_t hfreduceCommDevice(hfreduceComm_t comm, int* device);
/* hfreduceSuccess, hfreduceInProgress, or the error that ended `comm`. Any thread. */
HFREDUCE_API hfreduceResult_t hfreduceCommGetAsyncError(hfreduceComm_t comm,
                                                        hfreduceResult_t* result);
/* The error that ended `comm`; comm NULL: this thread's last failed call. Any thread. */
HFREDUCE_API hfreduceResult_t hfreduceCommGetErrorInfo(hfreduceComm_t comm,
                                                       hfreduceErrorInfo_t* info);
/* What the communicator is and does, as JSON; `key`: "plan", "memory", "links" or "tuning". *size:
 * in, the capacity of `buffer` in bytes; out, the bytes needed with the final NUL. A NULL buffer
 * asks; a buffer too small is left as it was and gets hfreduceInvalidArgument. Any thread. */
HFREDUCE_API hfreduceResult_t hfreduceCommGetInfo(hfreduceComm_t comm, const char* key,
                                                  char* buffer, size_t* size);

/* ---------------------------------------------------------------- collectives
 * On a communicator of host memory a call blocks until its result is there, unless it was given a
 * request. When it has returned (or its request is done) nobody touches the buffers any more. Count
 * 0 is legal and ends at once. In place is the same pointer; any other overlap is
 * hfreduceInvalidArgument. Errors: hfreducePeerDead, hfreducePeerUnreachable, hfreduceMismatch,
 * hfreduceTimeout, hfreduceAborted, hfreduceDataCorrupt, hfreduceSystemError. */

/* recvbuff[i] = op over all ranks of sendbuff[i], 0 <= i < count, on every rank. */
HFREDUCE_API hfreduceResult_t hfreduceAllReduce(const void* sendbuff, void* recvbuff, size_t count,
                                                hfreduceDataType_t datatype, hfreduceRedOp_t op,
                                                hfreduceComm_t comm, hfreduceStream_t stream);
HFREDUCE_API hfreduceResult_t hfreduceAllReduceEx(const void* sendbuff, void* recvbuff,
                                                  size_t count, hfreduceDataType_t datatype,
                                                  hfreduceRedOp_t op, hfreduceComm_t comm,
                                                  const hfreduceCallConfig_t* call);
/* Persistent form: checked and planned once, then started any number of times with
 * hfreduceRequestStart, on all ranks alike; the buffers must stay where they are until the request
 * is freed. call->request must be NULL. Starts nothing, and waits for nobody. */
HFREDUCE_API hfreduceResult_t hfreduceAllReduceInit(const void* sendbuff, void* recvbuff,
                                                    size_t count, hfreduceDataType_t datatype,
                                                    hfreduceRedOp_t op, hfreduceComm_t comm,
                                                    const hfreduceCallConfig_t* call,
                                                    hfreduceRequest_t* request);
/* recvbuff on every rank = sendbuff of `root`; sendbuff is read on `root` only and may be NULL
 * elsewhere. Where the system lets them (process_vm_readv), ranks of the same host read it straight
 * out of the root's process until the root's call has ended, and after an error perhaps for a
 * moment longer; HFREDUCE_PEER_READS=0 on any rank forbids it. */
HFREDUCE_API hfreduceResult_t hfreduceBroadcast(const void* sendbuff, void* recvbuff, size_t count,
                                                hfreduceDataType_t datatype, int root,
                                                hfreduceComm_t comm, hfreduceStream_t stream);
HFREDUCE_API hfreduceResult_t hfreduceBroadcastEx(const void* sendbuff, void* recvbuff,
                                                  size_t count, hfreduceDataType_t datatype,
                                                  int root, hfreduceComm_t comm,
                                                  const hfreduceCallConfig_t* call);
/* Persistent form; see hfreduceAllReduceInit. */
HFREDUCE_API hfreduceResult_t hfreduceBroadcastInit(const void* sendbuff, void* recvbuff,
                                                    size_t count, hfreduceDataType_t datatype,
                                                    int root, hfreduceComm_t comm,
                                                    const hfreduceCallConfig_t* call,
                                                    hfreduceRequest_t* request);

/* ---------------------------------------------------------------- requests
 * Test only reads and may be called from any thread; Wait and Test never free; Free of an active
 * request is hfreduceInvalidUsage. A request made inside a group becomes valid at hfreduceGroupEnd.
 */

/* Starts a persistent request, in or outside a group; it counts as a call like any other. It may be
 * started again once it has ended: Test and Wait of one that is not started return at once.
 * hfreduceInvalidUsage: it is active, it is not persistent, or its communicator was destroyed. */
HFREDUCE_API hfreduceResult_t hfreduceRequestStart(hfreduceRequest_t request);
/* *done = 1 when the operation has ended, well or not; its result is then returned. */
HFREDUCE_API hfreduceResult_t hfreduceRequestTest(hfreduceRequest_t request, int* done);
/* Blocks until the operation has ended and returns its result. */
HFREDUCE_API hfreduceResult_t hfreduceRequestWait(hfreduceRequest_t request);
HFREDUCE_API hfreduceResult_t hfreduceRequestFree(hfreduceRequest_t request);

/* ---------------------------------------------------------------- groups and created operations */

/* Calls between Start and End are collected and run together at the outermost End: needed when one
 * thread drives several ranks. State is the thread's own. End returns the first error among them.
 */
HFREDUCE_API hfreduceResult_t hfreduceGroupStart(void);
HFREDUCE_API hfreduceResult_t hfreduceGroupEnd(void);

/* An operation that multiplies this rank's contribution by *scalar before it is summed. The scalar,
 * of type `datatype`, is read now and may differ between ranks; all of them must use such an
 * operation in the same call, of that type. The product is rounded to the type (16-bit and 8-bit
 * floats: computed in float32; integers wrap; bool: "and"), so the result is what a sum of inputs
 * multiplied beforehand would be. The operation belongs to `comm` and goes with it; it is a number
 * of this process, the same or another on each rank. Errors: hfreduceNotSupported
 * (hfreduceScalarDevice). Thread-safe. */
HFREDUCE_API hfreduceResult_t hfreduceRedOpCreatePreMulSum(hfreduceRedOp_t* op, void* scalar,
                                                           hfreduceDataType_t datatype,
                                                           hfreduceScalarResidence_t residence,
                                                           hfreduceComm_t comm);
/* Calls that were made with it are not affected. Errors: hfreduceInvalidUsage (destroyed already,
 * or of another communicator), hfreduceInvalidArgument (not a created one). Thread-safe. */
HFREDUCE_API hfreduceResult_t hfreduceRedOpDestroy(hfreduceRedOp_t op, hfreduceComm_t comm);

/* ---------------------------------------------------------------- memory */

/* Memory that ranks on the same host can map; config NULL: host memory. Calls whose buffers lie in
 * such memory on all ranks of a host are not staged: ranks read and write each other's buffers. (An
 * allreduce needs both buffers of every rank there, a broadcast the root's; it is fastest where the
 * others' output is mapped, too.) hfreduceMemDevice is not supported yet. After a call that failed
 * a peer may still write its part of an output for a moment; freeing the memory is safe. Errors:
 * hfreduceOutOfMemory. Thread-safe. */
HFREDUCE_API hfreduceResult_t hfreduceMemAlloc(void** ptr, size_t size,
                                               const hfreduceMemConfig_t* config);
HFREDUCE_API hfreduceResult_t hfreduceMemFree(void* ptr);
/* Tell `comm` of private memory that will be used often. Not supported yet. */
HFREDUCE_API hfreduceResult_t hfreduceCommRegister(hfreduceComm_t comm, void* buffer, size_t size,
                                                   void** handle);
/* Makes a caller's own shared, writable mapping of `size` bytes of `fd` from `offset` on (bytes) as
 * good as memory of hfreduceMemAlloc, for every communicator of this process, until
 * hfreduceCommDeregister; it must stay mapped and its file must not shrink until then. `fd` may be
 * closed. Local, not collective. Errors: hfreduceInvalidArgument (not such a mapping, past the end
 * of the file, registered already). Thread-safe. */
HFREDUCE_API hfreduceResult_t hfreduceCommRegisterMapping(hfreduceComm_t comm, void* buffer,
                                                          size_t size, int fd, size_t offset,
                                                          void** handle);
HFREDUCE_API hfreduceResult_t hfreduceCommDeregister(hfreduceComm_t comm, void* handle);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HFREDUCE_H_ */
