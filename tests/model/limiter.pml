/* SPDX-License-Identifier: MIT */
/* The limiter: one bucket of the rate table, used by processes that are killed between any two stores.
 *
 * Guarantee 1: "never more than 12 admitted per key in a window".
 * Guarantee 2: "never fewer than 12".
 * And what a killed process leaves is plausible(): else the next start would replace the table and forget all keys.
 *
 * Code: src/admission/rate_table.cpp, src/util/robust_lock.cpp. A comment `model: limiter/STEP` on both sides names the
 * same step; the test models/name_the_steps_of_the_code compares them.
 *
 * Scaled down: LIMIT for 12, WINDOW ticks for 60 s, SLOTS for 32, KEYS keys, one bucket. Sound because the code treats
 * all slots and all times of a log alike: it uses the least and the greatest time, "all are over", and equality of
 * keys; no other constant is in it. Buckets share nothing but counters. KEYS > SLOTS, so that slots are reused.
 *
 * Time has no end here: a time is kept as its age in ticks, up to WINDOW, from which on it is over, as 0 (never) is.
 * An admission has the time of its decision. It counts from its store on, also when the process dies before it answers:
 * there are at least as many admissions here as clients have seen. An answer that comes later than k_longest_decision
 * after its decision is `undecided` in the code, which only refuses more.
 *
 * Memory: stores are done in the order of the program. The code's are atomics with release, so the compiler keeps that
 * order, and a process that is killed has done a prefix of it. The lock makes the stores visible to its next holder: an
 * unlock, or the kernel's mark of a dead owner, comes after them. Reads need no steps of their own, since only the
 * holder of the lock writes; they are done in the step that reads the clock, whose time all of them are compared with.
 *
 * Mistakes: 1 the client gets its answer before the admission is stored; 2 a new key is written before the old family
 * is removed; 3 there is no lock. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#ifndef LIMIT
#define LIMIT 2
#endif
#ifndef WINDOW
#define WINDOW 2
#endif
#ifndef PROCESSES
#define PROCESSES 2
#endif
#define SLOTS 2
#define KEYS 3
#define OVER WINDOW
#define NO_FAMILY 0
#define NO_SLOT SLOTS

/* Keys differ in network and family: 1 is IPv4, 2 is IPv6. */
#define NETWORK_OF(key) (key)
#define FAMILY_OF(key) (1 + (key) % 2)

bool locked = false;
byte family[SLOTS];
byte network[SLOTS];
bool kept[SLOTS];                      /* authenticated_at is within k_authenticated_keep */
byte admitted_at[SLOTS * LIMIT] = OVER; /* ages */
byte now[PROCESSES];                   /* age of the time that a process has read */
byte truth[KEYS * WINDOW];             /* what was admitted, by key and age: the specification */

#define LOG(slot, i) admitted_at[(slot) * LIMIT + (i)]
#define TRUTH(key, age) truth[(key) * WINDOW + (age)]

inline older(age, most) {
    if
    :: age < most -> age++
    :: else
    fi
}

/* One tick of CLOCK_BOOTTIME. */
active proctype clock() {
    byte i, k;
    do
    :: d_step {
        for (i : 0 .. SLOTS * LIMIT - 1) { older(admitted_at[i], OVER) }
        for (i : 0 .. PROCESSES - 1) { older(now[i], OVER) }
        for (k : 0 .. KEYS - 1) {
            i = WINDOW - 1;
            do
            :: i > 0 -> TRUTH(k, i) = TRUTH(k, i - 1); i--
            :: else -> break
            od;
            TRUTH(k, 0) = 0
        }
        i = 0; k = 0
    }
    /* The hour of an authenticated key ends at any time. */
    :: d_step { kept[0] -> kept[0] = false }
    :: d_step { kept[1] -> kept[1] = false }
    /* model: limiter/keep */
    /* A process that locks, and stores one time. */
    :: d_step { !locked && family[0] != NO_FAMILY -> kept[0] = true }
    :: d_step { !locked && family[1] != NO_FAMILY -> kept[1] = true }
    od
}

/* What plausible() checks: the key of a slot is one that its hash selects this bucket for. */
inline check_plausible() {
    i = 0;
    do
    :: i < SLOTS ->
        assert(family[i] == NO_FAMILY || family[i] == FAMILY_OF(network[i]));
        i++
    :: else -> break
    od;
    i = 0
}

/* The process may be killed after every step, and leaves the lock to the next one, as after an unlock: it is robust. */
#define MAY_DIE if :: true :: goto unlock fi

inline admit_in_truth() {
    assert(in_window < LIMIT); /* never more than 12 admitted per key in a window */
    if
    :: now[id] < WINDOW -> TRUTH(key, now[id])++
    :: else
    fi
}

proctype worker(byte id) {
    byte key, slot, i, oldest, in_window;
    bool is_new, is_over;

start:
    /* model: limiter/lock */
    /* A process that does not get it within 100 ms decides nothing, and nothing is changed. */
    atomic {
#if MISTAKE != 3
        !locked -> locked = true;
#endif
        select(key : 0 .. KEYS - 1)
    }

    /* model: limiter/read-clock */
    atomic {
        d_step {
            now[id] = 0;
            i = 0;
            do
            :: i < WINDOW -> in_window = in_window + TRUTH(key, i); i++
            :: else -> break
            od;
            /* find() */
            slot = 0;
            do
            :: slot == SLOTS -> break
            :: slot < SLOTS && network[slot] == NETWORK_OF(key) && family[slot] == FAMILY_OF(key) -> break
            :: else -> slot++
            od;
            is_new = (slot == NO_SLOT);
            /* find_reusable(): an empty one, else one whose times are over */
            if
            :: is_new ->
                slot = 0;
                do
                :: slot == SLOTS -> break
                :: slot < SLOTS && family[slot] == NO_FAMILY -> break
                :: else -> slot++
                od;
                if
                :: slot == NO_SLOT ->
                    slot = 0;
                    do
                    :: slot == SLOTS -> break
                    :: else ->
                        is_over = !kept[slot];
                        i = 0;
                        do
                        :: i < LIMIT -> is_over = is_over && LOG(slot, i) == OVER; i++
                        :: else -> break
                        od;
                        if
                        :: is_over -> break
                        :: else -> slot++
                        fi
                    od
                :: else
                fi
            :: else
            fi;
            /* decide_by_log(): the oldest time of the log; that of a new key is empty */
            is_over = is_new;
            oldest = 0;
            i = 1;
            do
            :: !is_new && i < LIMIT ->
                if
                :: LOG(slot, i) > LOG(slot, oldest) -> oldest = i
                :: else
                fi;
                i++
            :: else -> break
            od;
            if
            :: !is_new -> is_over = (LOG(slot, oldest) == OVER)
            :: else
            fi;
            i = 0
        }
        MAY_DIE
    }

    if
    :: slot == NO_SLOT -> goto unlock /* full */
    :: slot != NO_SLOT && !is_new
    :: slot != NO_SLOT && is_new ->
#if MISTAKE == 2
        atomic { network[slot] = NETWORK_OF(key); MAY_DIE }
#endif
        /* model: limiter/clear-family */
        atomic { family[slot] = NO_FAMILY; MAY_DIE }
        /* model: limiter/clear-times */
        do
        :: i < LIMIT -> atomic { LOG(slot, i) = OVER; i++; MAY_DIE }
        :: else -> break
        od;
        i = 0;
        /* model: limiter/clear-authenticated */
        atomic { kept[slot] = false; MAY_DIE }
        /* model: limiter/store-network */
        atomic { network[slot] = NETWORK_OF(key); MAY_DIE }
        /* model: limiter/store-family */
        atomic { family[slot] = FAMILY_OF(key); MAY_DIE }
    fi;

    if
    :: !is_over ->
        assert(in_window >= LIMIT); /* never fewer than 12 */
        goto unlock
    :: else
    fi;
#if MISTAKE == 1
    atomic { admit_in_truth(); MAY_DIE }
    atomic { LOG(slot, oldest) = now[id]; MAY_DIE }
#else
    /* model: limiter/store-admission */
    atomic { LOG(slot, oldest) = now[id]; admit_in_truth(); MAY_DIE }
#endif

unlock:
    /* model: limiter/unlock */
    atomic {
        check_plausible();
        locked = false;
        now[id] = OVER;
        key = 0; slot = 0; oldest = 0; in_window = 0; is_new = false; is_over = false;
        goto start
    }
}

init {
    byte id;
    atomic {
        for (id : 0 .. PROCESSES - 1) { now[id] = OVER; run worker(id) }
    }
}
