// SPDX-License-Identifier: MIT
// The guarantees, each in a file of its own. tests/README.md tells how each of them is broken on purpose.
#pragma once

#include "torture/proof.hpp"

namespace ceymail::testing {

void never_more_than_twelve(Proof& proof);               // 1
void never_fewer_than_twelve(Proof& proof);              // 2
void flooding_frees_no_spent_key(Proof& proof);          // 3
void no_segment_is_trusted_unseen(Proof& proof);         // 4
void no_byte_stream_hurts(Proof& proof);                 // 5
void no_peer_holds_a_worker(Proof& proof);               // 6
void a_killed_worker_loses_one_request(Proof& proof);    // 7
void a_restart_loses_no_request(Proof& proof);           // 8
void a_hanging_source_costs_itself_alone(Proof& proof);  // 9
void a_failing_database_opens_nothing(Proof& proof);     // 10
void a_revoked_token_stays_revoked(Proof& proof);        // 11
void nothing_but_the_token_opens(Proof& proof);          // 12
void client_headers_choose_no_key(Proof& proof);         // 13
void secrets_stay_secret(Proof& proof);                  // 14
void failing_calls_break_nothing(Proof& proof);          // 15

}  // namespace ceymail::testing
