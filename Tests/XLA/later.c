/*
 * Handlers of a version of XLA's interface that is yet to come, 1.9, which no XLA of today has any use for. With CANDID they
 * say so whoever asks, else to XLA alone, which asks with its functions.
 */
#include "../../Sources/CXLA/CXLA.h"

#ifdef CANDID
enum { IS_CANDID = 1 };
#else
enum { IS_CANDID = 0 };
#endif

static void *answer(xla_call_frame *frame) {
  const xla_metadata_extension *question = (const xla_metadata_extension *)frame->extension_start;
  if (!question || question->base.type != XLA_METADATA_EXTENSION) return NULL;
  const int is_later = IS_CANDID || frame->api;
  question->metadata->api_version =
      (xla_api_version){XLA_API_VERSION_SIZE, NULL, is_later ? 1 : XLA_MAJOR, is_later ? 9 : XLA_OLDEST_MINOR};
  question->metadata->traits = 0;
  return NULL;
}

void *topkloss_xla_instantiate(xla_call_frame *frame);
void *topkloss_xla_evaluate(xla_call_frame *frame);

void *topkloss_xla_instantiate(xla_call_frame *frame) { return answer(frame); }
void *topkloss_xla_evaluate(xla_call_frame *frame) { return answer(frame); }
