/*
 * banned.h - functions this program does not use, each with the reason.
 *
 * The build includes this file before every source, after the system
 * headers that declare them, so that a call does not compile.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BANNED(fn, instead) fn##_is_banned_use_##instead

/* No bound on what they write. */
#undef strcpy
#define strcpy(...) BANNED(strcpy, str_or_buf)
#undef strcat
#define strcat(...) BANNED(strcat, buf)
#undef sprintf
#define sprintf(...) BANNED(sprintf, snprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf, vsnprintf)
#undef gets
#define gets(...) BANNED(gets, fgets)
/* May leave the copy without its end. */
#undef strncpy
#define strncpy(...) BANNED(strncpy, str_or_buf)
/* Keeps its place in a global. */
#undef strtok
#define strtok(...) BANNED(strtok, str_split)
/* Cannot say that the text was no number. */
#undef atoi
#define atoi(...) BANNED(atoi, str_to_int)
#undef atol
#define atol(...) BANNED(atol, str_to_int)
#undef atof
#define atof(...) BANNED(atof, strtod)
/* Stack of a size that input decides. */
#undef alloca
#define alloca(...) BANNED(alloca, arena)

#endif
