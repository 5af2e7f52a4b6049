//! `hickory ADDR NAMES LOOKUPS`: asks the name server at ADDR for the IPv4 addresses of `n0.bench.test`, `n1.bench.test` and
//! so on up to NAMES, again and again, one after the other; then prints `seconds=S answers=N`. The clock starts after the
//! first answer.

use hickory_resolver::Resolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [server, names, lookups] = args.as_slice() else { return Err("usage: hickory ADDR NAMES LOOKUPS".into()) };
    let (server, names, lookups): (SocketAddr, usize, usize) = (server.parse()?, names.parse()?, lookups.parse()?);
    // One thread, as everybody else here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let mut here = NameServerConfig::udp(server.ip());
    here.connections.iter_mut().for_each(|connection| connection.port = server.port());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![here]);
    let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.cache_size = 0; // each lookup is a question on the wire, as ours is
    options.edns0 = true;
    options.use_hosts_file = ResolveHosts::Never;
    let resolver = builder.build()?;
    runtime.block_on(resolver.ipv4_lookup("n0.bench.test."))?;
    let (start, mut answers) = (Instant::now(), 0);
    for n in 0..lookups {
        let found = runtime.block_on(resolver.ipv4_lookup(format!("n{}.bench.test.", n % names)))?;
        answers += found.answers().len();
    }
    println!("seconds={} answers={answers}", start.elapsed().as_secs_f64());
    Ok(())
}
