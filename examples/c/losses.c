#include "losses.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char loss_names[] = "cross-entropy, logit-adjusted, noised-top5 or noised-top5-exact";

static topkloss_status make_logit_adjusted(int64_t countries, const double *counts, topkloss_loss **loss) {
  topkloss_logit_adjusted_options options;
  topkloss_logit_adjusted_options_init(&options, sizeof options);
  options.classes = countries;
  options.class_counts = counts;
  options.tau = 0.5;
  return topkloss_logit_adjusted_create(&options, loss);
}

static topkloss_status make_noised(topkloss_estimator estimator, topkloss_loss **loss) {
  topkloss_noised_topk_options options;
  topkloss_noised_topk_options_init(&options, sizeof options);
  options.k = 5;
  options.epsilon = 0.3;
  options.estimator = estimator;
  return topkloss_noised_topk_create(&options, loss);
}

topkloss_loss *make_loss(const char *name, int64_t countries, const double *counts) {
  topkloss_loss *loss = NULL;
  topkloss_status status;
  if (strcmp(name, "cross-entropy") == 0) {
    status = topkloss_cross_entropy_create(NULL, &loss);
  } else if (strcmp(name, "logit-adjusted") == 0) {
    status = make_logit_adjusted(countries, counts, &loss);
  } else if (strcmp(name, "noised-top5") == 0) {
    status = make_noised(TOPKLOSS_MONTE_CARLO, &loss);
  } else if (strcmp(name, "noised-top5-exact") == 0) {
    status = make_noised(TOPKLOSS_EXACT, &loss);
  } else {
    fprintf(stderr, "no loss is called %s: %s\n", name, loss_names);
    exit(2);
  }
  if (status != TOPKLOSS_OK) {
    fprintf(stderr, "%s: %s\n", topkloss_status_name(status), topkloss_last_error());
    exit(1);
  }
  return loss;
}
