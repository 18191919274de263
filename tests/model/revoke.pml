/* SPDX-License-Identifier: MIT */
/* Revocation: `ceymail-token revoke` against workers that verify a token, remember it and fall back on the grace, with
 * workers that are killed, a database that fails at any moment, and (-DFLEET=1) another node of a cluster.
 *
 * Guarantee 11: "a revoked token stays revoked". SECURITY.md: the former holder of a token cannot "scrape once `revoke`
 * or `generate` has returned, also while MariaDB is down". So every request that starts after `revoke` returned is
 * refused. Where `revoke` returned with 69, because the database was down, the token opens nothing while that is down.
 * The settings page (-DPAGE=1) promises the same where COMMIT was not answered; where nothing was changed, nothing.
 * FLEET: on another node it is refused at the next scrape wherever the node is primary and applying, elsewhere after
 * auth_grace at the latest. There nothing clears the memory of the responder, and the node applies the change later. A
 * node that has just not answered in time is not asked for 2 s, by the breaker: for so long it is elsewhere.
 *
 * Code: src/admission/token_check.cpp, src/admission/verified_token.cpp, src/admission/circuit_breaker.cpp,
 * src/token/revoke.cpp, src/database/token_registry.cpp. A comment `model: revoke/STEP` on both sides names the same
 * step.
 *
 * Scaled down: WORKERS workers that all present the one token, a digest of one store for 32, a grace of GRACE ticks for
 * 300 s. Sound because the code compares digests and epochs for equality only, so that half a digest equals none;
 * because workers are alike, each makes any number of requests, and a fault needs one that stores late and one that
 * reads. An epoch is kept as "is it still the current one", and a time as its age, so the runs have no end. On one host
 * (FLEET=0) no time passes: the end of the grace only refuses more. The breaker and all errors of the database are a
 * choice at each question.
 *
 * A worker is killed between any two stores. The mutex is robust: the next one gets it, as after an unlock. A worker
 * that is killed without it has done nothing, as one that did not get it in time.
 *
 * Memory: sequential consistency. The code's stores and loads are plain operations of std::atomic, which have it.
 *
 * Mistakes: 1 `revoke` clears the memory before its transaction only; 2 the epoch is not compared when the grace is
 * looked at; 3 the epoch is read after the database was asked; FLEET: 4 the node is not read causally; 5 a digest
 * counts from when it was stored instead of from when the database was asked; PAGE: 6 where COMMIT is not answered, the
 * memory is not cleared. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#ifndef FLEET
#define FLEET 0
#endif
#ifndef PAGE
#define PAGE 0
#endif
#ifndef WORKERS
#define WORKERS 2
#endif
#define GRACE 1
#define OVER (GRACE + 1) /* too old, or never */

/* MariaDB. `valid_row`: the token's row as the group has committed it. `applied_row`: as the workers' node has it. */
bool valid_row = true;
bool applied_row = true;
bool database_up = true; /* FLEET: primary and applying */
bool breaker_open = false;

/* VerifiedStorage. */
bool locked = false;
byte verified_at = OVER; /* an age */
bool has_digest = false;
bool under_current_epoch = true;

/* What workers have read, as ages and as "it is current". */
byte asked_at[WORKERS] = OVER;
bool epoch_is_current[WORKERS];

/* The specification. */
bool returned = false;         /* `revoke` returned with 0 */
bool returned_69 = false;      /* ... with 69, and the database has been down since */
bool down_since_failed = false;
byte returned_at = 0;          /* an age */

inline older(age) {
    if
    :: age < OVER -> age++
    :: else
    fi
}

active proctype world() {
    byte i;
    do
#if FLEET
    :: d_step {
        older(verified_at);
        for (i : 0 .. WORKERS - 1) { older(asked_at[i]) }
        if
        :: returned -> older(returned_at)
        :: else
        fi;
        i = 0;
        breaker_open = false
    }
    :: d_step { database_up && applied_row != valid_row -> applied_row = valid_row }
    /* A node that is sound again has applied what it missed before it says so. */
    :: d_step { !database_up -> database_up = true }
#else
    :: d_step { !database_up -> database_up = true; down_since_failed = false; returned_69 = false }
#endif
    :: d_step { database_up -> database_up = false }
    od
}

/* No epoch that was read before is the current one. */
inline store_epoch() {
    d_step {
        for (n : 0 .. WORKERS - 1) { epoch_is_current[n] = false }
        n = 0;
        under_current_epoch = false
    }
}

#if !FLEET
inline clear() {
    /* model: revoke/next-epoch */
    store_epoch();
    /* model: revoke/wipe-time */
    verified_at = OVER;
    /* model: revoke/wipe-digest */
    has_digest = false
}
#endif

active proctype revoke() {
    byte n;
#if !FLEET
    bool failed;
#if !PAGE
    /* model: revoke/forget-before */
    clear();
#endif
    /* The transaction fails before or after its COMMIT, or is made. */
    /* model: revoke/commit */
    if
    :: atomic { database_up -> valid_row = false; applied_row = false }
    :: atomic {
           database_up -> valid_row = false; applied_row = false;
           database_up = false; down_since_failed = true; failed = true
       }
#if PAGE
    :: !database_up -> goto end_of_it
#else
    :: atomic { !database_up -> down_since_failed = true; failed = true }
#endif
    fi;
    /* model: revoke/forget-after */
#if MISTAKE == 6
    if
    :: failed -> goto told
    :: else
    fi;
#endif
#if MISTAKE != 1
    clear();
#endif
told:
    if
    :: failed -> returned_69 = down_since_failed
    :: else -> returned = true
    fi;
end_of_it:
    skip
#else
    /* On the other node: only what the group commits reaches this one. */
    valid_row = false;
    returned = true
#endif
}

/* Under the lock the worker may be killed after every step. */
#define MAY_DIE if :: true :: goto unlock fi

proctype worker(byte id) {
    byte n;
    bool is_after, is_after_69, is_late; /* when the request started */
    bool answered, valid, wanted_applied, fresh;

start:
    /* model: revoke/read-epoch */
    atomic {
        is_after = returned;
        is_late = returned && returned_at > GRACE;
        is_after_69 = returned_69;
#if MISTAKE != 3
        epoch_is_current[id] = true;
        asked_at[id] = 0
#endif
    }

    /* model: revoke/ask */
#if FLEET && MISTAKE != 4
    /* A causal read waits until the node has applied what the group had committed when the read began, or fails. */
    wanted_applied = !valid_row;
#endif
    if
    :: atomic {
           database_up && !breaker_open && (!wanted_applied || !applied_row) -> valid = applied_row; answered = true
       }
#if FLEET
    :: breaker_open /* not asked */
    :: !database_up && !breaker_open -> breaker_open = true /* too late */
    :: !database_up && !breaker_open                        /* an error */
#else
    :: true /* not asked, an error, or too late */
#endif
    fi;
#if MISTAKE == 3
    atomic { epoch_is_current[id] = true; asked_at[id] = 0 }
#endif
    d_step {
        if
        :: answered && valid ->
            assert(!is_after); /* refused at the next scrape, wherever the database answers */
            assert(!is_after_69 || !returned_69)
        :: else
        fi
    }

    atomic {
        if
        :: !locked -> locked = true
        :: locked -> goto end /* not within 100 ms: it is not remembered, and not accepted */
        fi
    }
    if
    :: !answered ->
        /* within_grace() */
        /* model: revoke/load-time */
        fresh = (verified_at <= GRACE);
        /* model: revoke/load-digest */
        fresh = fresh && has_digest;
        /* model: revoke/load-epoch */
        d_step {
            if
            :: fresh && (under_current_epoch || MISTAKE == 2) ->
                assert(!is_after || FLEET); /* a revoked token stays revoked */
                assert(!is_after_69 || !returned_69);
                assert(!is_late) /* after auth_grace at the latest */
            :: else
            fi
        }
    :: answered && valid ->
        /* remember() */
        /* model: revoke/compare-epoch */
        atomic {
            if
            :: !epoch_is_current[id] -> goto unlock
            :: else
            fi
        }
#if MISTAKE != 5
        /* model: revoke/keep-newer */
        atomic {
            if
            :: under_current_epoch && verified_at < asked_at[id] -> goto unlock
            :: else
            fi
        }
#endif
        /* model: revoke/clear-time */
        atomic { verified_at = OVER; MAY_DIE }
        /* model: revoke/store-digest */
        atomic { has_digest = true; MAY_DIE }
        /* model: revoke/store-epoch */
        atomic { under_current_epoch = epoch_is_current[id]; MAY_DIE }
        /* model: revoke/store-time */
#if MISTAKE == 5
        verified_at = 0
#else
        verified_at = asked_at[id]
#endif
    :: answered && !valid ->
        /* forget_unless() */
        atomic {
            if
            :: !epoch_is_current[id] -> goto unlock
            :: else
            fi
        }
        atomic { store_epoch(); MAY_DIE }
        atomic { verified_at = OVER; MAY_DIE }
        has_digest = false
    fi;

unlock:
    locked = false;
end:
    atomic {
        epoch_is_current[id] = false;
        asked_at[id] = OVER;
        answered = false;
        valid = false;
        wanted_applied = false;
        fresh = false;
        goto start
    }
}

init {
    byte id;
    atomic {
        for (id : 0 .. WORKERS - 1) { run worker(id) }
    }
}
