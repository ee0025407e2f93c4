/*
 * What libtopkloss.so has for libtopkloss_cuda.so of the same version, and for nobody else.
 */
#ifndef CDEVICE_LINK_H
#define CDEVICE_LINK_H

#include "CDevice.h"

/* Checks a call but for what stands in a device's memory, as topkloss_evaluate does, and describes it. Handle, batch and result are
 * topkloss.h's; the last two may be NULL, and the loss alone is then described; without a loss, the batch's scores, labels and
 * weights are. description_bytes: what the caller takes for sizeof(TopkDeviceDescription). Returns a topkloss_status. */
int32_t topk_device_describe(const void *_Nullable loss, const void *_Nullable batch, const void *_Nullable result,
                             TopkDeviceDescription *_Nonnull description, int64_t description_bytes);

/* Makes a text the calling thread's last error. */
void topk_device_set_last_error(const char *_Nonnull text);

#endif
