/* CPython as its own headers declare it, found through pkg-config's python3-embed. */
#ifndef TOPKLOSS_TESTS_CPYTHON_H
#define TOPKLOSS_TESTS_CPYTHON_H

/* Before Python.h, which would choose another set of the C library's declarations than other modules see. */
#include <sys/select.h>

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#endif /* TOPKLOSS_TESTS_CPYTHON_H */
