/* SPDX-License-Identifier: MIT */
/* The position in the mail log: syslog that writes, logrotate that renames, a gatherer that opens files, a log reader
 * that counts lines; gatherer and reader are killed between any two steps.
 *
 * The promise (include/ceymail/maillog/kept_reading.hpp): positions and counters "survive the death of their reader
 * together"; "Before 4 the lines are not counted and will be read again; after 4 they are counted and their end is
 * known." So no line is lost or counted twice. What a scrape sees is such a state, and never goes back.
 *
 * Code: src/maillog/kept_reading.cpp, follower.cpp, log_reader.cpp, open_log.cpp. A comment `model: mail-log/STEP` on
 * both sides names the same step.
 *
 * Scaled down: LINES lines, each written in two halves; FILES files, so FILES - 1 rotations; a second log of which only
 * its number of lines is kept. A log is rotated again when the reader has come to its newest file: with `delaycompress`
 * one rotated file stays readable, and what two rotations take away is lost and counted as skipped. Sound because the
 * code knows a file by its identity, a place by an offset, and what is whole by its last LF: no number matters. Deaths
 * are not limited. Rotation by copytruncate is not modelled: what is written between copy and cut is in no file.
 *
 * Memory: sequential consistency. One process writes the kept reading, and the next is started after the supervisor has
 * waited for it. A scrape that copies it meanwhile is a reader of a seqlock: the fence of begin() stands between the
 * store of the last commit() and the copy over the other reading, the fence of load() between its copy and its second
 * look at the number. So a copy that has a byte of a later draft sees that commit(), and is thrown away.
 *
 * Mistakes: 1 the position is stored in the committed reading, before the lines are counted; 2 commit() comes before
 * the position is stored; 3 an error leaves a draft begun, which the follower of the other log then copies over; 4 the
 * reader goes on to the next file while syslog still writes the last one; 5 a scrape does not compare the number. */
#ifndef MISTAKE
#define MISTAKE 0
#endif
#ifndef LINES
#define LINES 2
#endif
#ifndef FILES
#define FILES 2
#endif
#ifndef OTHERS
#define OTHERS 1
#endif
#ifndef SCRAPES
#define SCRAPES 0
#endif
#define NONE 255

/* Files, by identity, in the order in which they were made. */
byte size[FILES];       /* in half lines */
byte first_line[FILES]; /* the lines in the files before */
byte log_name = 0;      /* PATH */
byte rotated_name = NONE; /* PATH.1 */
byte newest = 0;
byte written_to = 0; /* by syslog */
byte lines = 0;      /* of all files, whole ones */

/* KeptReading. */
typedef Reading {
    byte counted; /* one bit a line: the counters */
    byte file, offset;
    byte others; /* lines of the second log */
};
Reading reading[2];
byte number = 1; /* the reading that is selected is number % 2 */

/* The second log grows by one line at a time. */
byte other_lines = 0;

chan requests = [1] of { byte, byte }; /* the files that come along: PATH.1, PATH */
bool reader_waits = false;
bool finishing = false; /* nothing is written any more, and no process is killed */
byte writers = 2;

active proctype syslog() {
    do
    :: lines < LINES ->
        /* It opens the log again between two lines. */
        if
        :: d_step { written_to != log_name && log_name != NONE -> written_to = log_name; first_line[log_name] = lines }
        :: true
        fi;
        size[written_to]++;
        d_step { size[written_to]++; lines++ }
    :: d_step { written_to != log_name && log_name != NONE -> written_to = log_name; first_line[log_name] = lines }
    :: other_lines < OTHERS -> other_lines++
    :: lines == LINES && other_lines == OTHERS && newest == FILES - 1 && written_to == newest -> break
    od;
    writers--
}

active proctype logrotate() {
    do
    :: newest == FILES - 1 -> break
    :: atomic { newest < FILES - 1 && reading[number % 2].file == newest && written_to == newest ->
           rotated_name = log_name; log_name = NONE };
       d_step { newest++; log_name = newest }
    od;
    writers--
}

#define MAY_DIE if :: !finishing -> goto killed :: true fi

active proctype gatherer() {
    byte log = NONE, rotated = NONE;

start:
    do
    :: writers == 0 -> break
    :: true ->
        /* model: mail-log/open-log */
        atomic { log = log_name; MAY_DIE }
        /* model: mail-log/open-rotated */
        atomic { rotated = rotated_name; MAY_DIE }
        /* model: mail-log/request */
        atomic {
            if
            :: nfull(requests) && (log != NONE || rotated != NONE) -> requests!rotated, log
            :: full(requests) || (log == NONE && rotated == NONE)
            fi;
            MAY_DIE
        }
killed: atomic {
            log = NONE;
            rotated = NONE;
            goto start
        }
    od;
    finishing = true;
    atomic { reader_waits && empty(requests) -> requests!rotated_name, log_name };
    reader_waits && empty(requests);
    /* no line is lost */
    assert(reading[number % 2].counted == (1 << LINES) - 1);
    assert(reading[number % 2].others == OTHERS)
}

/* What any scrape sees from now on. */
inline check_committed() {
    /* counted, and their end is known: no line is lost, none is counted twice */
    assert(reading[number % 2].counted ==
           (1 << (first_line[reading[number % 2].file] + reading[number % 2].offset / 2)) - 1);
    /* no counter goes back */
    assert(reading[number % 2].counted >= reading[(number + 1) % 2].counted);
    assert(reading[number % 2].others >= reading[(number + 1) % 2].others)
}

/* Follower::draft(), KeptReading::begin(). `mine`: the draft of one follower. */
inline begin(mine) {
    if
    :: mine == NONE ->
        mine = (number + 1) % 2;
        /* model: mail-log/copy-committed */
#if SCRAPES
        reading[mine].counted = reading[number % 2].counted;
        reading[mine].file = reading[number % 2].file;
        reading[mine].offset = reading[number % 2].offset;
        reading[mine].others = reading[number % 2].others
#else
        /* Only a scrape sees the single stores. */
        d_step {
            reading[mine].counted = reading[number % 2].counted;
            reading[mine].file = reading[number % 2].file;
            reading[mine].offset = reading[number % 2].offset;
            reading[mine].others = reading[number % 2].others
        }
#endif
    :: else
    fi
}

inline commit(mine) {
    if
    :: mine != NONE ->
        /* model: mail-log/commit */
        atomic { number++; mine = NONE; check_committed(); MAY_DIE }
    :: else
    fi
}

/* Follower::position(). */
#define PLACE(mine) reading[(mine == NONE -> number % 2 : mine)]

inline append(name) {
    if
    :: name != NONE && (count == 0 || files[count - 1] < name) -> files[count] = name; count++
    :: else
    fi
}

active proctype reader() {
    byte rotated, log, end, at;
    byte files[FILES + 1], count; /* m_files; the first is being read */
    byte mail = NONE, other = NONE; /* the drafts of the two followers */
    bool is_complete;

wait:
    reader_waits = true;
end_wait:
    /* model: mail-log/take-request */
    atomic { requests?rotated, log; reader_waits = false; MAY_DIE }

    /* model: mail-log/hand-over */
    /* hand_over(): files that it has are not taken twice; a first one is the file of the position. */
    d_step {
        if
        :: count > 0 -> skip
        :: count == 0 && PLACE(mail).file == rotated -> append(rotated)
        :: count == 0 && PLACE(mail).file == log -> append(log)
        :: else -> assert(false) /* another file than those of the position: find_place() would skip */
        fi;
        append(rotated);
        append(log);
        rotated = NONE; log = NONE
    }

    do
    :: count > 0 ->
        /* model: mail-log/look-at-next */
        atomic {
#if MISTAKE == 4
            is_complete = count > 1;
#else
            is_complete = false;
            for (at : 1 .. FILES - 1) {
                if
                :: at < count && size[files[at]] > 0 -> is_complete = true
                :: else
                fi
            }
            at = 0;
#endif
            MAY_DIE
        }
        do
        /* model: mail-log/read-block */
        :: atomic { end = size[files[0]] / 2 * 2; at = PLACE(mail).offset; MAY_DIE }
            if
            :: end <= at -> break
            :: else
            fi;
#if MISTAKE == 1
            atomic { reading[number % 2].offset = end; MAY_DIE }
#endif
            begin(mail);
#if MISTAKE == 2
            number++;
#endif
            do
            :: at < end ->
                /* model: mail-log/count-line */
                atomic {
                    assert((reading[mail].counted & (1 << (first_line[files[0]] + at / 2))) == 0);
                    reading[mail].counted = reading[mail].counted | (1 << (first_line[files[0]] + at / 2));
                    at = at + 2;
                    MAY_DIE
                }
            :: else -> break
            od;
            /* model: mail-log/move-position */
            atomic { reading[mail].offset = end; MAY_DIE }
#if MISTAKE == 2
            mail = NONE;
#endif
        od;
        if
        :: !is_complete -> break
        :: is_complete ->
            begin(mail);
            /* model: mail-log/go-on-to-next */
            atomic { reading[mail].file = files[1]; reading[mail].offset = 0; MAY_DIE }
            d_step {
                for (at : 0 .. FILES - 1) { files[at] = files[at + 1] }
                count--
            }
        fi
    od;
    at = 0; end = 0;
    /* finish(): what follows cannot be looked at, or it can */
    if
    :: !finishing ->
        /* model: mail-log/close-after-error */
#if MISTAKE != 3
        d_step { for (at : 0 .. FILES - 1) { files[at] = 0 } count = 0; at = 0 }
        commit(mail)
#endif
    :: true ->
        commit(mail)
    fi;

    /* The follower of the second log: its lines are counted and its place is moved by one number. */
    if
    :: PLACE(other).others < other_lines ->
        begin(other);
        atomic { reading[other].others = other_lines; MAY_DIE }
        commit(other)
    :: else
    fi;
    goto wait;

killed:
    atomic {
        for (at : 0 .. FILES) { files[at] = 0 }
        count = 0; at = 0; end = 0; mail = NONE; other = NONE; is_complete = false; rotated = NONE; log = NONE;
        reader_waits = false;
        goto wait
    }
}

#if SCRAPES
/* KeptReading::load(), by the gatherer. */
active proctype scrape() {
    byte begun, counted, file, offset, others, last_counted, last_others;
    do
    :: atomic { begun = 0; counted = 0; file = 0; offset = 0; others = 0 }
        /* model: mail-log/load-number */
        begun = number;
        /* model: mail-log/copy-reading */
        counted = reading[begun % 2].counted;
        file = reading[begun % 2].file;
        offset = reading[begun % 2].offset;
        others = reading[begun % 2].others;
        /* model: mail-log/compare-number */
        if
        :: d_step { (begun == number || MISTAKE == 5) ->
            /* counted, and their end is known: no line is lost, none is counted twice */
            assert(counted == (1 << (first_line[file] + offset / 2)) - 1);
            /* no counter goes back */
            assert(counted >= last_counted && others >= last_others);
            last_counted = counted;
            last_others = others }
        :: else
        fi
    :: finishing -> break
    od
}
#endif
