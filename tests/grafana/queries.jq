# SPDX-License-Identifier: MIT
# Every query of a dashboard, as lines WHERE <tab> QUERY, with the variables replaced by what stands for all hosts.
#   usage: jq -r -f queries.jq DASHBOARD.json
def filled: gsub("\\$__rate_interval"; "1m") | gsub("\\$(job|instance)\\b"; ".+");

(.uid) as $uid
| (.panels[] | select(.targets) | .title as $title | .targets[] | [$uid + ": " + $title, .expr]),
  (.annotations.list[] | [$uid + ": annotation " + .name, .expr]),
  (.templating.list[] | select(.type == "query")
    | [$uid + ": variable " + .name, (.query | capture("^label_values\\((?<series>.*), *\\w+\\)$").series)])
| map(filled) | @tsv | gsub("\\\\\\\\"; "\\")
