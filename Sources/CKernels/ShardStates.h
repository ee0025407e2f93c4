/*
 * What ranks that each have some of the classes tell each other.
 */
#ifndef SHARD_STATES_H
#define SHARD_STATES_H

#include <stdint.h>

/* What a shard of the classes has found out of a row, its state; classes are counted among those of all shards. This is
 * how every state begins. States come from other processes: nothing in them is an index or a length before it is checked. */
typedef struct ShardState {
  int64_t bad_class; /* the first whose logit is NaN or +inf, where that was looked for; -1: none */
  int64_t has_label; /* whether the label is in the shard */
  double label_logit;
} ShardState;

/* Of the softmax-margin family. Sums leave the label out. */
typedef struct SoftmaxShardState {
  ShardState common;
  double peak;          /* as in SoftmaxMarginProgress, of the shard's rivals; -inf: they are masked out */
  double rest;
  double rivals;        /* the sum of their exponentials, less both */
  double shares;        /* the sum of q_j */
  double shared_scores; /* the sum of q_j s (v_j - peak - rest) */
  double rival_logit;   /* the largest z_j, and its class, where lambda asks for it; -1: none */
  int64_t rival_class;
} SoftmaxShardState;

/* Of the top-K family: `rank` choices for each sample follow, the highest in the shard, in any order; those that the shard
 * is too small for are of class -1. */
typedef struct TopKShardState {
  ShardState common;
  uint64_t noise_key; /* what seed, step and row make of each other, the same in all shards; 0: nothing was drawn */
} TopKShardState;

typedef struct ShardChoice {
  double score;
  int64_t class_index;
} ShardChoice;

#endif /* SHARD_STATES_H */
