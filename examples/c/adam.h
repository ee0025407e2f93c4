/* Adam (Kingma and Ba, ICLR 2015), with the lazy form of it for a table of which a batch touches few rows. */
#ifndef ADAM_H
#define ADAM_H

#include "network.h"

/* One update of every parameter. step: from 1. The embedding's rows that the batch did not touch stay as they are. */
void adam_step(network *net, int step, double learning_rate);

#endif /* ADAM_H */
