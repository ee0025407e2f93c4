/* CPython as its own header declares it, found through pkg-config's python3-embed. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
