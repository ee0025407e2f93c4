/*
 * The library runs where glibc is older than where it was built, as far as that goes.
 *
 * glibc 2.29 has new versions of exp, log and pow, 2.32 of pthread_sigmask, and 2.34, which took libpthread and libdl
 * into libc, of all their functions. A link takes the newest, which older systems lack. The versions that glibc began
 * with are still there and do the same; lld knows them by these names. Before 2.34 they are in libpthread and libdl, which
 * the library therefore names among what it needs: see Package.swift.
 */
#ifndef COLDSYMBOLS_H
#define COLDSYMBOLS_H

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>

#if defined(__GLIBC__) && defined(__x86_64__)
#define OLD_SYMBOL(function) __typeof__(function) function __asm__(#function "@GLIBC_2.2.5")
#elif defined(__GLIBC__) && defined(__aarch64__)
#define OLD_SYMBOL(function) __typeof__(function) function __asm__(#function "@GLIBC_2.17")
#endif

#ifdef OLD_SYMBOL
OLD_SYMBOL(exp);
OLD_SYMBOL(log);
OLD_SYMBOL(pow);
OLD_SYMBOL(dlerror);
OLD_SYMBOL(dlopen);
OLD_SYMBOL(dlsym);
OLD_SYMBOL(pthread_attr_setstacksize);
OLD_SYMBOL(pthread_create);
OLD_SYMBOL(pthread_detach);
OLD_SYMBOL(pthread_getspecific);
OLD_SYMBOL(pthread_join);
OLD_SYMBOL(pthread_key_create);
OLD_SYMBOL(pthread_key_delete);
OLD_SYMBOL(pthread_setspecific);
OLD_SYMBOL(pthread_sigmask);
#undef OLD_SYMBOL
#endif

#endif /* COLDSYMBOLS_H */
