/* A C99 program that uses an installed hfreduce: two ranks in one process sum a buffer. */
#include <hfreduce.h>
#include <stdio.h>

#define RANKS 2
#define COUNT 1000

static int check(hfreduceResult_t result, const char* what) {
  hfreduceErrorInfo_t info = HFREDUCE_ERROR_INFO_INITIALIZER;
  if (result == hfreduceSuccess) return 0;
  hfreduceCommGetErrorInfo(NULL, &info);
  fprintf(stderr, "%s: %s: %s\n", what, hfreduceGetErrorString(result), info.text);
  return 1;
}

int main(void) {
  static float send[RANKS][COUNT], receive[RANKS][COUNT];
  hfreduceComm_t comms[RANKS];
  int rank, i, version = 0, wrong = 0;
  if (check(hfreduceGetVersion(&version), "version")) return 1;
  if (version != HFREDUCE_VERSION_CODE) return 1;
  if (check(hfreduceCommInitAll(comms, RANKS, NULL), "init")) return 1;
  for (rank = 0; rank < RANKS; ++rank)
    for (i = 0; i < COUNT; ++i) send[rank][i] = (float)(rank * COUNT + i);
  if (check(hfreduceGroupStart(), "group start")) return 1;
  for (rank = 0; rank < RANKS; ++rank)
    if (check(hfreduceAllReduce(send[rank], receive[rank], COUNT, hfreduceFloat32, hfreduceSum,
                                comms[rank], NULL),
              "allreduce"))
      return 1;
  if (check(hfreduceGroupEnd(), "group end")) return 1;
  for (rank = 0; rank < RANKS; ++rank)
    for (i = 0; i < COUNT; ++i) wrong += receive[rank][i] != (float)(2 * i + COUNT);
  for (rank = 0; rank < RANKS; ++rank)
    if (check(hfreduceCommDestroy(comms[rank]), "destroy")) return 1;
  fprintf(stderr, "consumer: %d wrong of %d\n", wrong, RANKS * COUNT);
  return wrong != 0;
}
