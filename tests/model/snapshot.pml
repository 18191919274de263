/* SPDX-License-Identifier: MIT */
/* The snapshot buffer: a gatherer that publishes and is killed between any two stores, its successors, and a worker
 * that reads.
 *
 * The buffer's promise (include/ceymail/snapshot/snapshot_buffer.hpp): "If a writer dies, at any instruction, the last
 * snapshot stays readable, and the next writer can publish." read() "never waits for the writer and never gives a torn
 * text". Of guarantee 7 this is the half of the gatherer: "a killed worker loses its own request only".
 *
 * Code: src/snapshot/snapshot_buffer.cpp. A comment `model: snapshot/STEP` on both sides names the same step.
 *
 * Scaled down: the text is three stores (times, words, size) instead of thousands, a worker reads ATTEMPTS times
 * instead of 16, and there are PUBLICATIONS, begun and finished or not. Sound because the code treats all words alike,
 * so a torn text is torn between two of some three; because a reader depends on the last three publications only (its
 * own, and those that overwrite it), and because the attempts do not depend on each other.
 *
 * Memory: that of C++ with acquire and release, not sequential consistency (-DSEQUENTIAL=1 is that). The buffer has one
 * writer at a time, and the next one is started after the supervisor has waited for the last. So all stores have one
 * order, that of `place` and `value` below. A load may return any store of its place, but none older than the newest
 * that the reader is known to have seen. A load with acquire that returns a store also shows all stores before that
 * one: each store is a release.
 *
 * Mistakes: 1 the publication is announced before its text is stored; 2 readers load words without acquire (seen only
 * without -DSEQUENTIAL); 3 the number of a buffer is not taken back before it is overwritten; 4 a reader waits until
 * the buffer has its number. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#ifndef SEQUENTIAL
#define SEQUENTIAL 0
#endif
#define PUBLICATIONS 4
#define ATTEMPTS 2
#define STORES 25 /* 6 * PUBLICATIONS, and 1 */

/* Places in memory. */
#define CURRENT 0
#define NUMBER(n) (1 + (n) % 2)
#define TIMES(n) (3 + (n) % 2)
#define WORDS(n) (5 + (n) % 2)
#define SIZE(n) (7 + (n) % 2)

byte place[STORES];
byte value[STORES];
byte done = 0;     /* stores in the history */
byte finished = 0; /* the last publication that was announced */
byte text_of[PUBLICATIONS + 1]; /* the text of publication n: the specification */
bool writer_gone = false;

inline store(where, what) {
    place[done] = where;
    value[done] = what;
    done++
}

/* The gatherer and its successors. `text` is another for each begun publication. */
active proctype gatherer() {
    byte number, text;

start:
    atomic {
        if
        :: text == PUBLICATIONS -> writer_gone = true; goto end
        :: else -> text++
        fi;
        /* model: snapshot/next-number */
        number = finished + 1;
        text_of[number] = text
    }
#if MISTAKE == 1
    atomic { store(CURRENT, number); finished = number; if :: true :: goto killed fi }
#endif
#if MISTAKE != 3
    /* model: snapshot/take-back-number */
    atomic { store(NUMBER(number), 0); if :: true :: goto killed fi }
#endif
    /* model: snapshot/store-times */
    atomic { store(TIMES(number), text); if :: true :: goto killed fi }
    /* model: snapshot/store-words */
    atomic { store(WORDS(number), text); if :: true :: goto killed fi }
    /* model: snapshot/store-size */
    atomic { store(SIZE(number), text); if :: true :: goto killed fi }
    /* model: snapshot/store-number */
    atomic { store(NUMBER(number), number); if :: true :: goto killed fi }
#if MISTAKE != 1
    /* model: snapshot/announce */
    atomic { store(CURRENT, number); finished = number; if :: true :: goto killed fi }
#endif
    goto start;

killed:
    goto start;
end:
    skip
}

#define ACQUIRE 1
#define RELAXED 0

/* Takes one of the stores that a load of `where` may return. `seen`: so many stores are known to have been seen. */
inline load(where, order, what) {
    atomic {
        at = done;
        do
        :: at == 0 -> what = 0; break /* the zeros of a new memfd */
        :: at > 0 && place[at - 1] == where ->
            if
            :: what = value[at - 1];
               if
               :: order == ACQUIRE && at > seen -> seen = at
               :: else
               fi;
               break
            :: !SEQUENTIAL && at > seen -> at--
            fi
        :: at > 0 && place[at - 1] != where -> at--
        od;
        at = 0
    }
}

#if MISTAKE == 2
#define WORD RELAXED
#else
#define WORD ACQUIRE
#endif

active proctype worker() {
    byte at, seen, attempt, number, found, times, words, size, before;

again:
    atomic { attempt = 0; seen = 0; number = 0; found = 0; times = 0; words = 0; size = 0 }
    do
    :: attempt == ATTEMPTS -> break /* no snapshot: the scrape has none of these metrics */
    :: attempt < ATTEMPTS ->
        before = finished;
        attempt++;
        /* model: snapshot/load-current */
        load(CURRENT, ACQUIRE, number);
        if
        :: number == 0 ->
            assert(!SEQUENTIAL || before == 0); /* the last snapshot stays readable */
            break
        :: else
        fi;
        /* model: snapshot/compare-number-before */
        load(NUMBER(number), ACQUIRE, found);
#if MISTAKE == 4
        do
        :: found == number -> break
        :: else -> load(NUMBER(number), ACQUIRE, found); assert(!writer_gone || found == number)
        od;
#endif
        if
        :: found == number ->
            /* model: snapshot/load-times */
            load(TIMES(number), WORD, times);
            /* model: snapshot/load-size */
            load(SIZE(number), WORD, size);
            /* model: snapshot/load-words */
            load(WORDS(number), WORD, words);
            /* model: snapshot/compare-number-after */
            load(NUMBER(number), ACQUIRE, found);
            if
            :: found == number ->
                /* never gives a torn text, and none that was not published under that number */
                assert(times == words && size == words && words == text_of[number]);
                assert(!SEQUENTIAL || number >= before); /* the last snapshot */
                break
            :: else
            fi
        :: else
        fi;
        /* An attempt fails only if another snapshot was published meanwhile. So no dead writer makes a reader wait. */
        assert(!SEQUENTIAL || finished > before)
    od;
    if
    :: goto again
    :: true
    fi
}
