/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

/*
 * Places where a fault-injection build (-Dfault_points=true) kills its own process with SIGKILL, to
 * show that nothing is lost there. The environment variable PG_FAULT says where:
 *
 *   NAME           the first time the point NAME is reached
 *   NAME:COUNT     the COUNTth time
 *   random:SEED:PERMILLE  at any point, with that chance each time, repeatable by SEED
 *   log            nowhere: the name of each point is written to standard error once
 *
 * In every other build FAULT_POINT is nothing at all. Any thread may pass a point.
 */
#ifdef PG_FAULT_POINTS
#define FAULT_POINT(name) fault_point(name)
/* Dies here if PG_FAULT says so. Use the macro. */
void fault_point(const char *name);
/* Reads PG_FAULT anew (it is read once, at the first point): for tests that fork. */
void fault_reset(void);
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
