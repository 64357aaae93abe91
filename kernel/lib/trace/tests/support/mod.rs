//! What the wire tests share: building streams, the realistic event mix, and values at their extremes.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod extremes;
pub mod mix;
pub mod plain;

use fl_addr::CpuId;
use fl_trace::encode::EventPacket;
use fl_trace::event::Stamped;
use fl_trace::packet::{MAX_FRAME, PACKET_ROOM, StreamPosition};

/// One packet's frame, delimiter included, and what is in it.
#[derive(Clone, Debug)]
pub struct Sent {
    pub frame: Vec<u8>,
    pub cpu: CpuId,
    pub at: StreamPosition,
    pub events: Vec<Stamped>,
}

/// Packs `events` of one CPU as the kernel's drain does, beginning at `at`, with at most `most` events in a packet.
pub fn pack(events: &[Stamped], cpu: CpuId, mut at: StreamPosition, most: u32) -> Vec<Sent> {
    let mut sent = Vec::new();
    let (mut buf, mut frame) = ([0xAA; PACKET_ROOM], [0xAA; MAX_FRAME]);
    let mut rest = events;
    while let Some(first) = rest.first() {
        let mut packet = EventPacket::begin(&mut buf, cpu, at, first.tsc);
        let taken = rest.iter().take_while(|e| packet.count() < most && packet.push(e)).count();
        assert!(taken > 0, "an empty packet has room for any event");
        assert_eq!(packet.count() as usize, taken);
        let frame = packet.finish(&mut frame).to_vec();
        sent.push(Sent { frame, cpu, at, events: rest[..taken].to_vec() });
        at.advance(taken as u32);
        rest = &rest[taken..];
    }
    sent
}
