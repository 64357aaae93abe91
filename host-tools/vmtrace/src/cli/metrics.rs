//! `vmtrace metrics`: the kernel's own counts as OpenMetrics, printed once or served while the kernel runs.

use super::input::Input;
use super::{Env, FINE};
use crate::decode::Sink;
use crate::error::Error;
use crate::model::metrics::Metrics;
use crate::view::openmetrics;
use fl_addr::CpuId;
use fl_trace::control::{Control, EVENT_KINDS};
use fl_trace::event::Stamped;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tiny_http::{Header, Method, Response, Server};

/// How often to look whether Ctrl-C was typed.
const LOOK: Duration = Duration::from_millis(100);

/// Give the kernel's own counters and latency histograms, exact whatever was dropped, as OpenMetrics
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace metrics RUN.vmt                                     the newest counts, printed\n  vmtrace metrics ./com2.sock --listen 127.0.0.1:9187         http://127.0.0.1:9187/metrics while the kernel runs, until Ctrl-C\n  vmtrace metrics --follow RUN.vmt --listen 127.0.0.1:9187    the same from a file that grows (just trace metrics --follow --listen ...)"
)]
pub struct Args {
    #[command(flatten)]
    input: Input,
    /// Serve them by HTTP at this address, under /metrics
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
}

/// What is known by now.
#[derive(Clone, Default)]
struct State {
    metrics: Metrics,
    received: [u64; EVENT_KINDS],
    damaged: u64,
}

impl State {
    fn text(&self) -> String {
        openmetrics::text(&self.metrics, &self.received, self.damaged)
    }
}

/// Reads the trace; what it knows is published with each control record.
#[derive(Default)]
struct Reader {
    state: State,
    news: bool,
}

impl Sink for Reader {
    #[inline]
    fn event(&mut self, _cpu: CpuId, stamped: &Stamped) {
        self.state.received[stamped.event.index()] += 1;
    }
    fn control(&mut self, _tsc: u64, control: &Control) {
        self.state.metrics.control(control);
        self.news = true;
    }
}

pub fn run(args: Args, env: &mut Env<'_>) -> Result<u8, Error> {
    let Some(address) = &args.listen else {
        let mut reader = Reader::default();
        let loss = args.input.read(env, &mut reader, |_, _| Ok(()))?;
        reader.state.damaged = loss.damaged_places;
        env.print(&reader.state.text())?;
        return Ok(FINE);
    };
    let shared = Arc::new(Mutex::new(State::default()));
    let server = Server::http(address).map_err(|e| {
        Error::Usage(format!("--listen {address}: {e}; is it HOST:PORT of this machine, and free?"))
    })?;
    let place = server.server_addr();
    let done = Arc::new(AtomicBool::new(false));
    let thread = std::thread::spawn({
        let (shared, done) = (shared.clone(), done.clone());
        move || serve(&server, &shared, &done)
    });
    env.say(&format!("serving http://{place}/metrics until Ctrl-C"));
    let result = follow(&args.input, env, &shared);
    done.store(true, Ordering::Relaxed); // Relaxed: a flag without data; the thread looks at it again and again
    let _ = thread.join();
    result.map(|()| FINE)
}

/// Reads the trace to its end, and then waits for Ctrl-C: who asks late still gets the last counts.
fn follow(input: &Input, env: &mut Env<'_>, shared: &Mutex<State>) -> Result<(), Error> {
    let loss = input.read(env, &mut Reader::default(), |reader, _| {
        if std::mem::take(&mut reader.news) {
            *lock(shared) = reader.state.clone();
        }
        Ok(())
    })?;
    lock(shared).damaged = loss.damaged_places;
    let stop = env.stop.clone();
    // Relaxed: as above.
    if !stop.load(Ordering::Relaxed) {
        env.say("the trace has ended; its last counts are still served");
    }
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK);
    }
    Ok(())
}

fn serve(server: &Server, shared: &Mutex<State>, done: &AtomicBool) {
    while !done.load(Ordering::Relaxed) {
        let Ok(Some(request)) = server.recv_timeout(LOOK) else { continue };
        let path = request.url().split('?').next().unwrap_or_default();
        let asked =
            matches!(request.method(), Method::Get | Method::Head) && matches!(path, "/" | "/metrics");
        let response = match asked {
            true => Response::from_string(lock(shared).text()).with_header(content_type()),
            false => Response::from_string("only GET /metrics is served\n").with_status_code(404),
        };
        let _ = request.respond(response); // a client that went away is no error
    }
}

fn content_type() -> Header {
    Header::from_bytes("Content-Type", openmetrics::CONTENT_TYPE).expect("the header is plain ASCII")
}

/// The state is whole whatever its last user did.
fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
