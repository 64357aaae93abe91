//! Measures the wire on a realistic mix: bytes per event, and the speed of encoding and decoding on one core.
//!
//! `cargo run --release -p fl-trace --example wire_bench [EVENTS [encode|decode ROUNDS]]`: with a third argument it only
//! repeats that direction, for a profiler or an instruction counter.

#[path = "../tests/support/mod.rs"]
mod support;

use fl_addr::CpuId;
use fl_trace::decode::{Deframer, decode};
use fl_trace::encode::EventPacket;
use fl_trace::event::{Event, Stamped};
use fl_trace::loss::Continuity;
use fl_trace::packet::{MAX_FRAME, PACKET_ROOM, StreamPosition};
use std::hint::black_box;
use std::time::{Duration, Instant};
use support::mix::{Detail, mix};

/// Encodes all events into `stream` as the drain does.
fn encode_all(events: &[Stamped], stream: &mut Vec<u8>) {
    let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
    let mut at = StreamPosition::default();
    let mut rest = events.iter().peekable();
    while let Some(first) = rest.peek() {
        let mut packet = EventPacket::begin(&mut buf, CpuId(0), at, first.tsc);
        while rest.peek().is_some_and(|e| packet.push(e)) {
            rest.next();
        }
        at.advance(packet.count());
        stream.extend_from_slice(packet.finish(&mut frame));
    }
}

/// Decodes a stream in chunks of 64 KiB; gives the number of events and a sum over them that keeps the work alive.
fn decode_all(stream: &[u8]) -> (u64, u64) {
    let mut deframer = Deframer::new();
    let mut account = Continuity::default();
    let (mut events, mut sum) = (0, 0u64);
    for mut chunk in stream.chunks(64 << 10) {
        while let Some(frame) = deframer.next(&mut chunk) {
            let packet = decode(frame.bytes).expect("the stream is sound");
            account.follow(packet.position, packet.count);
            for e in packet.events() {
                let e = e.expect("own event");
                events += 1;
                sum = sum.wrapping_add(e.tsc);
                match e.event {
                    Event::Fault(f) => sum = sum.wrapping_add(f.va.0 ^ f.ip.0).wrapping_add(f.latency()),
                    Event::PageFree(p) => sum = sum.wrapping_add(u64::from(p.frame.0)),
                    _ => {}
                }
            }
        }
    }
    assert_eq!(account.total(), Default::default());
    (events, sum)
}

/// The shortest of many short runs, which a busy machine leaves alone now and then.
fn best(mut run: impl FnMut()) -> Duration {
    (0..60)
        .map(|_| {
            let begin = Instant::now();
            run();
            begin.elapsed()
        })
        .min()
        .expect("sixty runs")
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let n = args.first().map_or(100_000, |n| n.parse().expect("a number of events"));
    let rounds = args.get(2).map_or(1, |n| n.parse().expect("a number of rounds"));
    for (name, detail) in [("with ip and stages", Detail::Full), ("without", Detail::Bare)] {
        let events = mix(1, n, detail);
        let mut stream = Vec::new();
        encode_all(&events, &mut stream);
        match args.get(1).map(String::as_str) {
            Some("encode") => {
                for _ in 0..rounds {
                    stream.clear();
                    encode_all(black_box(&events), &mut stream);
                }
                return;
            }
            Some("decode") => {
                for _ in 0..rounds {
                    black_box(decode_all(black_box(&stream)));
                }
                return;
            }
            _ => {}
        }
        let (count, wire) = (events.len() as f64, stream.len() as f64);
        let encode = best(|| {
            stream.clear();
            encode_all(black_box(&events), &mut stream);
        });
        let decode = best(|| {
            assert_eq!(black_box(decode_all(black_box(&stream))).0, events.len() as u64);
        });
        println!(
            "{name}: {:.2} bytes/event · encode {:.1} ns/event · decode {:.0} MB/s, {:.1} M events/s",
            wire / count,
            encode.as_secs_f64() * 1e9 / count,
            wire / 1e6 / decode.as_secs_f64(),
            count / 1e6 / decode.as_secs_f64(),
        );
    }
}
