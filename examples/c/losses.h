/* The losses that the program is run with, by name. */
#ifndef LOSSES_H
#define LOSSES_H

#include <topkloss.h>

/* All their names in one line, for the help. */
extern const char loss_names[];

/*
 * Creates a loss. counts: training names of each country. Ends the program with a message if there is no such loss.
 */
topkloss_loss *make_loss(const char *name, int64_t countries, const double *counts);

#endif /* LOSSES_H */
