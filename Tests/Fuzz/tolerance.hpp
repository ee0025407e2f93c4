// How far two answers may lie apart that were computed in different ways.
#pragma once

#include "evaluation.hpp"

// Whether the second answer, of the precision given, is the first but for rounding. What rounding may do is measured: the
// problem is solved again in float64, its logits and options moved by a few of the precision's roundings, both ways.
void require_close(const Options &options, Problem &problem, const Setting &setting, const Answer &one,
                   const Answer &other, topkloss_dtype precision, const char *what);

// Whether they are the same to the last bit.
void require_same(const Answer &one, const Answer &other, const char *what);
