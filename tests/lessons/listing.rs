//! Listings: an item, an anchored piece or a whole file of this project, so that what a lesson shows is what runs.

use std::fs;
use std::path::Path;

/// The lines that `spec` names: `FILE`, `FILE#fn name` (an item with its doc comment and attributes) or `FILE#anchor`
/// (what stands between `// anchor: NAME` and `// end: NAME`). Indentation that all lines share is removed.
pub fn listing(root: &Path, spec: &str) -> Result<Vec<String>, String> {
    let (path, part) = spec.split_once('#').map_or((spec, None), |(path, part)| (path, Some(part)));
    if path.starts_with('/') || path.split('/').any(|step| step == "..") {
        return Err(format!("{path} is not a path inside this project"));
    }
    let text = fs::read_to_string(root.join(path)).map_err(|e| format!("{path}: {e}"))?;
    let lines: Vec<&str> = text.lines().collect();
    let found = match part {
        None => &lines[..],
        Some(part) if part.contains(' ') => item(&lines, part).map_err(|e| format!("{path}: {e}"))?,
        Some(name) => anchored(&lines, name).map_err(|e| format!("{path}: {e}"))?,
    };
    let shown: Vec<&str> = found.iter().copied().filter(|line| mark(line).is_none()).collect();
    let margin = shown.iter().filter(|line| !line.is_empty()).map(|line| indent(line)).min().unwrap_or(0);
    Ok(shown.iter().map(|line| line.get(margin..).unwrap_or("").to_owned()).collect())
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// `anchor: NAME` or `end: NAME` in a comment that has the line to itself.
fn mark(line: &str) -> Option<&str> {
    let line = line.trim();
    let text = line.strip_prefix("//").or_else(|| line.strip_prefix('#'))?.trim_start();
    (text.starts_with("anchor: ") || text.starts_with("end: ")).then_some(text)
}

fn anchored<'a>(lines: &'a [&'a str], name: &str) -> Result<&'a [&'a str], String> {
    let one = |wanted: String| {
        let mut found = lines.iter().enumerate().filter(|(_, line)| mark(line) == Some(wanted.as_str()));
        match (found.next(), found.next()) {
            (Some((n, _)), None) => Ok(n),
            (None, _) => Err(format!("has no line `// {wanted}`")),
            _ => Err(format!("has `// {wanted}` twice")),
        }
    };
    let (start, end) = (one(format!("anchor: {name}"))?, one(format!("end: {name}"))?);
    lines.get(start + 1..end).ok_or(format!("the end of anchor {name} stands before it"))
}

/// An item as rustfmt writes it: from its doc comment to the first line at its own indentation that closes it.
fn item<'a>(lines: &'a [&'a str], spec: &str) -> Result<&'a [&'a str], String> {
    let mut found = lines.iter().enumerate().filter(|(_, line)| begins(line, spec));
    let start = match (found.next(), found.next()) {
        (Some((n, _)), None) => n,
        (None, _) => return Err(format!("has no `{spec}`")),
        _ => return Err(format!("has `{spec}` more than once: take an anchor")),
    };
    let margin = indent(lines[start]);
    let closes = |line: &&str| indent(line) == margin && (line.ends_with('}') || line.ends_with(';'));
    let length = lines[start..].iter().position(closes).ok_or(format!("`{spec}` has no end"))?;
    let belongs = |line: &&&str| ["///", "#["].iter().any(|sign| line.trim_start().starts_with(sign));
    let above = lines[..start].iter().rev().take_while(belongs).count();
    Ok(&lines[start - above..=start + length])
}

fn begins(line: &str, spec: &str) -> bool {
    let mut line = line.trim_start();
    if let Some(public) = line.strip_prefix("pub") {
        line = public.trim_start_matches(|c: char| "()".contains(c) || c.is_alphanumeric()).trim_start();
    }
    let line = if spec.starts_with("impl ") { without_generics(line) } else { line.to_owned() };
    line.strip_prefix(spec).is_some_and(|rest| {
        !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == ' ')
            || rest.starts_with(" {")
            || rest.starts_with(" =")
    })
}

/// `impl<S: Stream> Read for Traced<S> {` as `impl Read for Traced<S> {`.
fn without_generics(line: &str) -> String {
    let Some(rest) = line.strip_prefix("impl<") else { return line.to_owned() };
    let mut depth = 1;
    let end = rest.find(|c: char| {
        depth += i32::from(c == '<') - i32::from(c == '>');
        depth == 0
    });
    format!("impl{}", end.map_or("", |end| &rest[end + 1..]))
}
