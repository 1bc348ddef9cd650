/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

/*
 * Calls this project does not use: each has a bounded or checked counterpart in base. Include this
 * header last; tools/check_style.py looks for the same names in files that forget to.
 */
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok atoi atol atoll atof
#pragma GCC poison sscanf gmtime localtime asctime ctime system popen

#endif
