//! Writes a made-up run, to try views without a kernel: `cargo run -p vmtrace --example synth -- OUT.vmt [PROCESSES] [SWEEP] [RING] [DAMAGE]`.

use vmtrace::synth::{Plan, Run, damage};

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let Some(path) = args.get(1) else {
        eprintln!(
            "usage: synth OUT.vmt [PROCESSES] [PAGES PER SWEEP] [RING EVENTS] [DAMAGE: a flipped bit per so many bytes]"
        );
        std::process::exit(2);
    };
    let number = |i: usize, default: u64| args.get(i).and_then(|text| text.parse().ok()).unwrap_or(default);
    let plan = Plan {
        processes: number(2, 5) as u32,
        sweep: number(3, 40),
        ring_events: number(4, 4096) as u32,
        ..Plan::default()
    };
    let mut encoded = Run::new(plan).encode();
    let every = number(5, 0) as usize;
    if every > 0 {
        damage(&mut encoded, 1, every, 1000);
    }
    std::fs::write(path, &encoded.bytes)
}
