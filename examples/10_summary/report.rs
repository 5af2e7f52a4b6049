//! The report: lines for a terminal and for a mail, and a page with a chart for a browser.
//!
//! What strangers said stands in it: it was made visible for the terminal, and is escaped for the page. The page fetches
//! nothing, and its policy forbids it to (Content-Security-Policy).

use crate::checks::Finding;
use netprimer::encode::{html, http_date};
use std::time::{Duration, SystemTime};

/// What the page begins with: no script, no picture, nothing from elsewhere.
const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body { font: 15px sans-serif } td, th { padding: 4px 12px; text-align: left } text { font: 13px sans-serif }</style>
"#;

/// How many are well: what somebody wants to know first.
pub fn summary(findings: &[Finding]) -> String {
    let well = findings.iter().filter(|one| one.said.is_ok()).count();
    format!("{well} of {} are well", findings.len())
}

/// A line for each finding.
pub fn lines(findings: &[Finding]) -> String {
    let line = |[state, address, said, times]: [String; 4]| format!("{state}  {address}: {said} ({times})\n");
    findings.iter().map(cells).map(line).collect()
}

/// The same as a page.
pub fn page(findings: &[Finding]) -> String {
    let (title, when, chart) = (summary(findings), http_date(SystemTime::now()), chart(findings));
    let row = |one| cells(one).map(|cell| format!("<td>{}</td>", html(&cell))).concat();
    let rows: String = findings.iter().map(|one| format!("<tr>{}</tr>\n", row(one))).collect();
    let top = format!("{HEAD}<title>{title}</title></head><body>\n<h1>{title}</h1>\n<p>{when}</p>\n{chart}");
    let heads = "<tr><th>state</th><th>address</th><th>what it said</th><th>time</th></tr>";
    format!("{top}<table>\n{heads}\n{rows}</table>\n</body></html>\n")
}

/// A bar for each address that is well; the slowest has the longest. What is not has a word instead.
fn chart(findings: &[Finding]) -> String {
    let text = |x, y, text: &str| format!("<text x=\"{x}\" y=\"{}\">{}</text>\n", y + 13, html(text));
    let slowest = findings.iter().filter(|one| one.said.is_ok()).map(total).max().unwrap_or_default();
    let mut svg = String::new();
    for (one, y) in findings.iter().zip((0..).step_by(26)) {
        let long = 280.0 * total(one).as_secs_f64() / slowest.as_secs_f64().max(1e-9); // never divided by nothing
        let (long, end) = if one.said.is_ok() { (long as u32, ms(total(one))) } else { (0, "FAIL".into()) };
        svg += &text(0, y, &one.address.chars().take(44).collect::<String>());
        svg += &format!("<rect x=\"340\" y=\"{y}\" width=\"{long}\" height=\"16\" fill=\"#4f9da6\"/>\n");
        svg += &text(346 + long, y, &end);
    }
    let height = 26 * findings.len() + 4;
    format!("<svg role=\"img\" aria-label=\"How long each took\" width=\"720\" height=\"{height}\">\n{svg}</svg>\n")
}

/// State, address, what it said, and the time of each step.
fn cells(one: &Finding) -> [String; 4] {
    let times: Vec<String> = one.steps.iter().map(|(name, time)| format!("{name} {}", ms(*time))).collect();
    let (state, said) = match &one.said {
        Ok(said) => ("good", said.clone()),
        Err(error) => ("FAIL", error.to_string()),
    };
    [state.into(), one.address.clone(), said, times.join(", ")]
}

fn total(one: &Finding) -> Duration {
    one.steps.iter().map(|(_, time)| *time).sum()
}

fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
