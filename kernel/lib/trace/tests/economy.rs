//! What an event costs on the wire, asserted against the goals on a realistic mix.

mod support;

use fl_addr::CpuId;
use fl_trace::encode::EventPacket;
use fl_trace::event::{Event, Stamped};
use fl_trace::packet::{PACKET_ROOM, StreamPosition};
use support::mix::{Detail, mix};
use support::pack;

/// Bytes per event on the wire, everything included, of those events that `wanted` picks: their payload bytes, and
/// their share of headers, CRCs and framing by payload bytes.
fn bytes_per(events: &[Stamped], wanted: fn(&Event) -> bool) -> f64 {
    let (mut payload, mut picked, mut picked_bytes) = (0, 0, 0);
    let sent =
        pack(events, CpuId(1), StreamPosition { sequence: 5000, first_index: 400_000, lost: 12 }, u32::MAX);
    for packet in &sent {
        let mut buf = [0; PACKET_ROOM];
        let mut draft = EventPacket::begin(&mut buf, packet.cpu, packet.at, packet.events[0].tsc);
        for e in &packet.events {
            let before = draft.payload_len();
            assert!(draft.push(e));
            let cost = draft.payload_len() - before;
            payload += cost;
            if wanted(&e.event) {
                picked += 1;
                picked_bytes += cost;
            }
        }
    }
    let wire: usize = sent.iter().map(|p| p.frame.len()).sum();
    let overhead = wire as f64 / payload as f64;
    picked_bytes as f64 / f64::from(picked) * overhead
}

fn is_fault(e: &Event) -> bool {
    matches!(e, Event::Fault(_))
}
/// Neither fault nor spawn, which carries a name.
fn is_other(e: &Event) -> bool {
    !matches!(e, Event::Fault(_) | Event::ProcessSpawn(_))
}

#[test]
fn a_fault_without_stages_costs_at_most_14_bytes() {
    let bytes = bytes_per(&mix(1, 50_000, Detail::Bare), is_fault);
    assert!(bytes <= 14.0, "{bytes:.2}");
}

#[test]
fn a_fault_with_ip_and_stages_costs_at_most_24_bytes() {
    let bytes = bytes_per(&mix(1, 50_000, Detail::Full), is_fault);
    assert!(bytes <= 24.0, "{bytes:.2}");
}

#[test]
fn another_event_costs_at_most_8_bytes() {
    let bytes = bytes_per(&mix(1, 50_000, Detail::Full), is_other);
    assert!(bytes <= 8.0, "{bytes:.2}");
    let transfers = bytes_per(&mix(1, 50_000, Detail::Full), |e| {
        matches!(e, Event::CacheRefill(_) | Event::CacheDrain(_))
    });
    assert!(transfers <= 9.0, "{transfers:.2}");
}

#[test]
fn header_crc_and_framing_cost_under_5_percent() {
    let sent = pack(&mix(2, 20_000, Detail::Full), CpuId(0), StreamPosition::default(), u32::MAX);
    let (_, whole) = sent.split_last().expect("there are packets");
    let wire: usize = whole.iter().map(|p| p.frame.len()).sum();
    assert!(wire / whole.len() > 900, "packets are nearly full: {} bytes", wire / whole.len());
    let payload: usize = whole
        .iter()
        .map(|p| fl_trace::decode::decode(&p.frame[..p.frame.len() - 1]).expect("own packet").payload().len())
        .sum();
    assert!((wire - payload) * 20 <= payload, "{wire} for {payload}");
}
