// SPDX-License-Identifier: MIT
#include "ceymail/page/page_model.hpp"

#include "ceymail/page/collectors_view.hpp"
#include "ceymail/util/time_format.hpp"

namespace ceymail::page {
namespace {

constexpr std::string_view k_credentials_file = "ceymail.token";

Html document(const config::Configuration& configuration, std::string_view title, const Html& main) {
    return html(R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{} – CeyMail</title>
<link rel="stylesheet" href="{}/style.css">
<script src="{}/script.js" defer></script>
</head>
<body>
{}
</body>
</html>
)",
                title, configuration.settings_path, configuration.settings_path, main);
}

Html time(std::uint64_t when, std::uint64_t now) {
    return html(R"(<time datetime="{}">{}<span class="age">{}</span></time>)", util::utc_time(when),
                util::long_utc_time(when), util::relative_time(when, now, k_just_now_seconds));
}

Html notice(std::string_view kind, std::string_view title, const Html& words) {
    return html(R"(<div class="notice {}"><p class="notice-title">{}</p>{}</div>
)",
                kind, title, words);
}

// --- the token -------------------------------------------------------------------------------------------------------

Html post_button(const PageModel& model, Action action, std::string_view css_class, std::string_view words) {
    const bool generates = action == Action::generate;
    return html(R"(<form method="post" action="{}">
<input type="hidden" name="action" value="{}">
<input type="hidden" name="seal" value="{}">
<button type="submit" class="{}">{}</button>
</form>
)",
                model.configuration.settings_path, generates ? "generate" : "revoke",
                generates ? model.generate_csrf : model.revoke_csrf, css_class, words);
}

Html confirmation(const PageModel& model) {
    const bool generates = model.confirm == Action::generate;
    const Html cancel = html(R"(<a class="button quiet" href="{}">Cancel</a>)", model.configuration.settings_path);
    return html(R"(<section class="card confirm" aria-labelledby="confirm-title">
<h2 id="confirm-title">{}</h2>
<p>{}</p>
<div class="actions">{}{}</div>
</section>
)",
                generates ? "Generate a new token?" : "Revoke the token?",
                generates ? "The token that is active now stops working at once. Prometheus is refused until it has "
                            "the new one."
                          : "Prometheus is refused from its next scrape on. Metrics that it has already stored stay "
                            "where they are.",
                post_button(model, *model.confirm, generates ? "primary" : "danger",
                            generates ? "Generate and revoke the old one" : "Revoke token"),
                cancel);
}

Html fresh_token(const PageModel& model) {
    return html(R"(<section class="card fresh" aria-labelledby="fresh-title">
<h2 id="fresh-title">Your new token</h2>
<p><strong>Copy it now.</strong> It is shown this once: only a fingerprint of it is stored, so it cannot be shown again.</p>
<div class="field">
<label for="token">Token for Prometheus</label>
<div class="copy-row">
<input id="token" class="code" type="text" value="{}" readonly spellcheck="false" autocomplete="off">
<button type="button" class="primary" data-copy="token" data-copied="Token copied" hidden>Copy</button>
<button type="button" data-download="token" data-file="{}" hidden>Download</button>
</div>
</div>
<p class="hint">Keep it in a file that only Prometheus can read:</p>
<pre class="code" tabindex="0" aria-label="Command that stores the token"><code>sudo install -m 0600 -o prometheus {} /etc/prometheus/{}</code></pre>
</section>
)",
                model.fresh_token, k_credentials_file, k_credentials_file, k_credentials_file);
}

Html scrape_warning(const PageModel& model) {
    if (!model.fresh_token.empty()) return {};
    const auto& used = model.token->last_used_at;
    if (!used)
        return notice("warning", "Prometheus has not used this token yet",
                      html("<p>Put the token and the configuration below on your Prometheus server and reload it. The "
                           "first scrape shows up here within a minute.</p>"));
    if (model.now <= *used + k_scraped_lately_seconds) return {};
    return notice("warning", "No successful scrape for more than 5 minutes",
                  html("<p>Is Prometheus running, can it reach this host, and does it hold this token? Its page "
                       "<em>Status › Targets</em> names the error.</p>"));
}

Html token_actions(const PageModel& model) {
    if (model.confirm) return {};
    Html actions;
    if (!config::may_export_metrics(model.configuration.plan)) {
        // Without the plan only revoking is offered.
    } else if (model.token) {
        actions += html(R"(<a class="button" href="{}?confirm=generate">Generate new token…</a>)",
                        model.configuration.settings_path);
    } else {
        actions += post_button(model, Action::generate, "primary", "Generate token");
    }
    if (model.token)
        actions += html(R"(<a class="button danger-quiet" href="{}?confirm=revoke">Revoke…</a>)",
                        model.configuration.settings_path);
    if (actions.empty()) return {};
    return html(R"(<div class="actions">{}</div>)", actions);
}

Html active_token(const PageModel& model) {
    const auto& token = *model.token;
    const Html by = token.created_by
                        ? html(R"(<div><dt>Created by</dt><dd class="name">{}</dd></div>)", *token.created_by)
                        : Html();
    return html(R"(<dl>
<div><dt>Created</dt><dd>{}</dd></div>
{}
<div><dt>Last successful scrape</dt><dd>{}</dd></div>
</dl>
{})",
                time(token.created_at, model.now), by,
                token.last_used_at ? time(*token.last_used_at, model.now) : html("Never"), scrape_warning(model));
}

Html token_card(const PageModel& model) {
    if (!model.database_error.empty())
        return notice(
            "error", "MariaDB does not answer",
            html(
                R"(<p>Until it answers again, the state of the token is unknown and nothing can be changed. What is set up keeps its state.</p>
<p class="code-line">{}</p>)",
                model.database_error));
    const Html state =
        model.token ? html(R"(<span class="badge on">Active</span>)") : html(R"(<span class="badge off">None</span>)");
    const Html body = model.token
                          ? active_token(model)
                          : html("<p>No token is active. Prometheus cannot read metrics until you generate one.</p>");
    return html(R"(<section class="card" aria-labelledby="token-title">
<div class="card-head"><h2 id="token-title">Token</h2>{}</div>
{}
{}
</section>
)",
                state, body, token_actions(model));
}

Html plan_notice(config::Plan plan) {
    if (config::may_export_metrics(plan)) return {};
    if (plan == config::Plan::unknown)
        return notice("warning", "The plan of this server is not known",
                      html("<p>Prometheus is refused whatever its token. Set <code>plan</code> in "
                           "<code>ceymail-metrics.conf</code> to one of {}. Metrics export needs the Business plan or "
                           "above.</p>",
                           config::plan_names()));
    return notice("warning", "Metrics export needs the Business plan or above",
                  html("<p>This server is on the {} plan, so Prometheus is refused whatever its token. Upgrade to "
                       "generate a token.</p>",
                       config::to_string(plan)));
}

Html notices(const PageModel& model) {
    Html all = plan_notice(model.configuration.plan);
    if (model.revoked_now) all += notice("success", "The token is revoked", html("<p>It opens nothing any more.</p>"));
    if (model.token_may_linger)
        all += notice("warning", "The metrics service could not be told",
                      html("<p>While MariaDB answers, the old token is refused all the same. Should MariaDB fail in "
                           "the next minutes, it might still be accepted for a short time. To rule that out, run "
                           "<code>sudo ceymail-token revoke</code> on this server and generate a token once "
                           "more.</p>"));
    return all;
}

// --- the other sections ----------------------------------------------------------------------------------------------

Html prometheus_card(const PageModel& model) {
    return html(R"(<section class="card" aria-labelledby="prometheus-title">
<div class="card-head"><h2 id="prometheus-title">Connect Prometheus</h2><button type="button" data-copy="configuration" data-copied="Configuration copied" hidden>Copy</button></div>
<p>Store the token on the Prometheus server as <code>/etc/prometheus/{}</code>, readable by Prometheus only, and add this job to <code>prometheus.yml</code>:</p>
<pre class="code" tabindex="0" aria-label="Job for prometheus.yml"><code id="configuration">{}</code></pre>
<p class="hint">Up to 12 scrapes a minute are answered per address; every 15 seconds is right for most.</p>
</section>
)",
                k_credentials_file, prometheus_configuration(model.host, model.configuration.path));
}

Html dashboards_card(const PageModel& model) {
    const Html words = model.configuration.settings_dashboards.empty()
                           ? html(
                                 "<p>Import the Grafana dashboards that are installed on this server under "
                                 "<code>/usr/share/ceymail-metrics/grafana</code>.</p>")
                           : html(R"(<p><a href="{}" rel="noreferrer">Open the CeyMail dashboards</a></p>)",
                                  model.configuration.settings_dashboards);
    return html(R"(<section class="card" aria-labelledby="dashboards-title">
<h2 id="dashboards-title">Dashboards</h2>
{}
</section>
)",
                words);
}

const char* change_in_words(std::string_view action) {
    if (action == "metrics_token.generate") return "Generated";
    return action == "metrics_token.adopt" ? "Adopted" : "Revoked";
}

Html history_row(const database::AuditEntry& entry, std::uint64_t now) {
    return html(
        R"(<tr><td class="when">{}</td><td class="what">{}</td><td class="name">{}</td><td class="name from">{}</td></tr>
)",
        time(entry.at, now), change_in_words(entry.action), entry.detail,
        entry.address.empty() ? "this server" : entry.address);
}

Html history_card(const PageModel& model) {
    if (!model.database_error.empty()) return {};
    Html body;
    if (!model.history) {
        body = html("<p>The audit log cannot be read just now.</p>");
    } else if (model.history->empty()) {
        body = html("<p>Nothing has been changed yet.</p>");
    } else {
        Html rows;
        for (const auto& entry : *model.history) rows += history_row(entry, model.now);
        body = html(R"(<table>
<thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Detail</th><th scope="col">From</th></tr></thead>
<tbody>
{}</tbody>
</table>)",
                    rows);
    }
    return html(R"(<section class="card" aria-labelledby="history-title">
<h2 id="history-title">Recent changes</h2>
{}
</section>
)",
                body);
}

std::string_view title_of(const PageModel& model) {
    if (!model.fresh_token.empty()) return "New token: Prometheus Metrics";
    if (model.revoked_now) return "Token revoked: Prometheus Metrics";
    if (model.confirm == Action::generate) return "Generate a new token? Prometheus Metrics";
    if (model.confirm == Action::revoke) return "Revoke the token? Prometheus Metrics";
    return "Prometheus Metrics";
}

// Within single quotes only the quote itself is special. Source: YAML 1.2 7.3.2.
std::string yaml_text(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) quoted.append(c == '\'' ? 2 : 1, c);
    return quoted += '\'';
}

}  // namespace

std::string prometheus_configuration(std::string_view host, std::string_view metrics_path) {
    std::string text = "scrape_configs:\n  - job_name: ceymail\n    scheme: https\n    scrape_interval: 15s\n";
    text += "    metrics_path: " + yaml_text(metrics_path) + "\n";
    text += "    authorization:\n      credentials_file: /etc/prometheus/" + std::string(k_credentials_file) + "\n";
    text += "    static_configs:\n      - targets: [" + yaml_text(host) + "]\n";
    return text;
}

Html render(const PageModel& model) {
    Html body;
    body += notices(model);
    if (!model.fresh_token.empty()) body += fresh_token(model);
    if (model.confirm) body += confirmation(model);
    body += token_card(model);
    body += prometheus_card(model);
    body += collectors_card(model.collectors, model.now);
    body += dashboards_card(model);
    body += history_card(model);
    return document(model.configuration, title_of(model),
                    html(R"(<header class="top">
<nav aria-label="Breadcrumb"><ol><li>Settings</li><li>Security</li><li aria-current="page">Prometheus Metrics</li></ol></nav>
<p class="who">Signed in as <strong class="name">{}</strong></p>
</header>
<main>
<h1>Prometheus Metrics</h1>
<p class="lead">Prometheus reads this server’s metrics over HTTPS with one bearer token. Anyone with the token can read them, and nothing else.</p>
{}</main>
<p id="announcement" class="visually-hidden" role="status"></p>)",
                         model.user, body));
}

Html render(const config::Configuration& configuration, const Message& message) {
    const Html back =
        message.link_words.empty()
            ? Html()
            : html(R"(<div class="actions"><a class="button primary" href="{}">{}</a></div>
)",
                   message.link_to.empty() ? configuration.settings_path : message.link_to, message.link_words);
    return document(configuration, message.title,
                    html(R"(<main class="message"><div class="card">
<h1>{}</h1>
<p>{}</p>
{}</div></main>)",
                         message.title, message.words, back));
}

}  // namespace ceymail::page
