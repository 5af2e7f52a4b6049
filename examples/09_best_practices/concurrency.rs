//! Concurrency: while one thread waits, others work. More of them help until something else is the limit.
//!
//! On the wire: 24 pages over HTTP, each of which the server thinks about for 20 ms. It serves 8 at once. The last page breaks off.

use crate::lesson::Args;
use crate::ms;
use netprimer::gather::Gather;
use netprimer::http::{Client, Method, Options, Request};
use netprimer::lab::http::{self as lab, Lab};
use netprimer::{Error, Result};
use std::thread;
use std::time::{Duration, Instant};

const PAGES: usize = 24;
const PLACES: usize = 8;

/// One after another, and the first error ends it all.
pub fn broken(_: &Args) -> Result<()> {
    let lab = server()?;
    let start = Instant::now();
    let fetched: Result<Vec<usize>> = urls(&lab).iter().map(|url| fetch(url)).collect();
    let came =
        fetched.map_or_else(|error| format!("no page at all ({error})"), |pages| format!("{} pages", pages.len()));
    println!("  one after another: {}\n  {came}", ms(start));
    Ok(())
}

/// As many at once as the other side takes; each page has its own result.
pub fn right(_: &Args) -> Result<()> {
    let lab = server()?;
    for workers in [2, 4, 8, 24] {
        let start = Instant::now();
        let gather = Gather { workers, each: Some(Duration::from_secs(10)), ..Gather::default() };
        let pages = gather.run(urls(&lab), |url, _deadline| fetch(&url))?;
        let good = pages.iter().filter(|page| page.is_ok()).count();
        println!("  {workers:>2} threads: {good} pages, {} error: {}", pages.len() - good, ms(start));
    }
    let start = Instant::now();
    for _ in 0..100 {
        thread::Builder::new().spawn(|| ()).map_err(Error::not_started("start a thread"))?.join().ok();
    }
    println!("  to start and end 100 threads: {}", ms(start));
    Ok(())
}

/// One page on a connection of its own: how long it is.
fn fetch(url: &str) -> Result<usize> {
    let mut options = Options::default();
    options.dial.reply = Duration::from_secs(10);
    let page = Request::new(Method::Get, url);
    Ok(Client::with(options).send_last(&page)?.text()?.len())
}

fn urls(lab: &Lab) -> Vec<String> {
    (1..=PAGES).map(|page| lab.url(if page < PAGES { "/delay/0.02" } else { "/wrong/cut" })).collect()
}

fn server() -> Result<Lab> {
    lab::start(lab::Options { places: PLACES, ..lab::Options::default() })
}
