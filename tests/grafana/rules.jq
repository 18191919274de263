# SPDX-License-Identifier: MIT
# What a dashboard must be, one line per finding as RULE: WHERE: WHAT. The rules whose names end in -rule are those of
# Grafana's dashboard-linter, which stand here so that no Go is needed; the rest are this project's.
#   usage: jq -r -f rules.jq DASHBOARD.json

def units: ["none", "short", "percentunit", "s", "bytes", "Bps", "reqps", "suffix:/min"];

def finding($rule; $where; $what): "\($rule): \($where): \($what)";
def panels: .panels[] | select(.type != "row");
def targets: panels | .title as $panel | .targets[]? | . + {panel: $panel};
def variable($name): .templating.list[] | select(.name == $name);

# PromQL without what stands in quotes, where a { can be text.
def bare: gsub("\"[^\"]*\""; "\"\"");
def selectors: [scan("\\{[^}]*\\}")];
# Series over all hosts of a job have no label instance.
def without_sums: gsub("\\bjob\\w*:[\\w:]+\\{[^}]*\\}"; "");

def is_templated: . == "${datasource}" or . == "$datasource";

def template_datasource:
  if [.templating.list[] | select(.type == "datasource" and .name == "datasource" and .label == "Data source"
      and .query == "prometheus")] | length == 1 then empty
  else finding("template-datasource-rule"; "templating"; "wants one variable datasource, labelled Data source, of Prometheus") end;

def template_label($name; $called):
  if [variable($name) | select(.label == $called and .type == "query" and .multi and .allValue == ".+"
      and (.datasource.uid | is_templated))] | length == 1 then empty
  else finding("template-\($name)-rule"; "templating"; "wants a query variable \($name), labelled \($called), multi, allValue .+, of ${datasource}") end;

def template_queries: .templating.list[] | select(.type == "query")
  | (select(.query | test("^label_values\\(.+, *\\w+\\)$") | not)
      | finding("template-label-promql-rule"; .name; "is no label_values(SERIES, LABEL)")),
    (select(.refresh != 2) | finding("template-on-time-change-reload-rule"; .name; "wants refresh 2"));

def panel_rules: panels
  | (select(.datasource.uid | is_templated | not) | finding("panel-datasource-rule"; .title; "wants ${datasource}")),
    (select((.title // "") == "" or (.description // "") == "")
      | finding("panel-title-description-rule"; "panel \(.id)"; "wants a title and a description")),
    (select(.fieldConfig.defaults.unit as $unit | units | index([$unit]) | not)
      | finding("panel-units-rule"; .title; "wants one of the units \(units)")),
    (select((.targets // []) == []) | finding("panel-no-targets-rule"; .title; "wants a target"));

def target_rules: targets
  | (select([.expr | scan("\\[[^\\]]*\\]")] | any(. != "[$__rate_interval]"))
      | finding("target-rate-interval-rule"; .panel; "wants [$__rate_interval] in \(.expr)")),
    (select(.expr | test("\\$__interval\\b")) | finding("target-rate-interval-rule"; .panel; "has $__interval in \(.expr)")),
    (("job", "instance") as $called | (if $called == "instance" then .expr |= without_sums else . end)
      | select((.expr | selectors | any(contains("\($called)=~\"$\($called)\"") | not))
        or (.expr | bare | test("(?<![\\w:$])(?:[\\w:]*ceymail[_:][\\w:]+|up|scrape_\\w+)\\b(?![\\w:]|\\s*[{(])")))
      | finding("target-\($called)-rule"; .panel; "wants \($called)=~\"$\($called)\" in each selector of \(.expr)")),
    (select(.expr | bare | test("(?<!rate\\()(?<!increase\\()\\b\\w+(?:_total|_jiffies)\\{"))
      | finding("target-counter-agg-rule"; .panel; "wants a rate of each counter in \(.expr)"));

def whole_rules:
  (select(.editable != false) | finding("uneditable-dashboard-rule"; "editable"; "wants false")),
  (select(.id != null) | finding("provisionable"; "id"; "wants null: Grafana gives the number")),
  (select((.uid // "") | test("^[a-z][a-z-]+$") | not) | finding("provisionable"; "uid"; "wants a fixed one")),
  (select(tostring | test("\\$\\{DS_")) | finding("provisionable"; "datasource"; "has an input of an export, ${DS_…}")),
  ([.panels[].id] | select((unique | length) < length) | finding("panel-ids"; "panels"; "two have the same"));

def layout_rules:
  [.panels[] | {title} + .gridPos] as $all
  | ($all[] | select(.x + .w > 24) | finding("layout"; .title; "leaves the 24 columns")),
    (range($all | length) as $i | range($i + 1; $all | length) as $j | [$all[$i], $all[$j]]
      | select(.[0].x < .[1].x + .[1].w and .[1].x < .[0].x + .[0].w and .[0].y < .[1].y + .[1].h and .[1].y < .[0].y + .[0].h)
      | finding("layout"; .[0].title; "lies over \(.[1].title)"));

def legend_rules: panels | select(.type == "timeseries")
  | select([.targets[].legendFormat] | any(. == "" or . == "__auto") or (unique | length) < length)
  | finding("legend"; .title; "wants a name of its own for each target");

def threshold_rules: panels | select(.type == "gauge" or .type == "state-timeline")
  | select((.fieldConfig.defaults.thresholds.steps // []) | length < 2)
  | finding("thresholds"; .title; "wants steps");

# Metrics that a host in good health may not have: those of a log without lines, and of what is not installed.
def empty_state: panels
  | select([.targets[]?.expr] | any(test("\\bceymail_(mail_|bans_|certificate_|backup_)")))
  | select((.fieldConfig.defaults.noValue // "") == "") | finding("empty-state"; .title; "wants a noValue");

# One line a host is too much for 500 hosts. Over a time the fleet dashboard reads what is recorded over all hosts or
# of the ten worst; at one moment it also reads a series a host, and keeps some of them.
def fleet_cost: select(.uid == "ceymail-fleet")
  | (targets, (.annotations.list[] | . + {panel: .name}))
  | .expr as $expr
  | ([$expr | without_sums | scan("([\\w:]*)\\{")[0] | select(test("^instance:\\w+:topk\\d+$") | not)]
      | length > 0) as $reads_hosts
  | select($reads_hosts and ((.instant and ($expr | test("\\btopk\\(\\d+, "))) | not))
  | finding("fleet-cost"; .panel; "wants recorded sums or top lists over a time, topk at a moment: \($expr)");

# From each dashboard to the two others, with the hosts where both have one host in view.
def uids: ["ceymail-overview", "ceymail-fleet", "ceymail-mail-flow"];
def link_rules: .uid as $uid
  | (([.links[].url] | sort) as $to | (uids - [$uid] | map("/d/" + .) | sort)
      | select(. != $to) | finding("links"; "links"; "wants \(.)")),
    (.links[] | select(.includeVars != (([$uid, .url] | any(test("fleet"))) | not))
      | finding("links"; .title; "includeVars is for links between dashboards of chosen hosts"));

template_datasource, template_label("job"; "Job"), template_label("instance"; "Instance"), template_queries,
panel_rules, target_rules, whole_rules, layout_rules, legend_rules, threshold_rules,
empty_state, link_rules, fleet_cost
