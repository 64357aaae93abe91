//! A damaged stream: every packet that was not touched is decoded, and no record is ever made up.
//!
//! Each byte of a damaged stream knows which byte of the good one it was, so "not touched" is exact: all bytes of the
//! frame are there, in order, and it begins after a delimiter or at the begin of the stream.

mod support;

use fl_addr::CpuId;
use fl_trace::decode::{Deframer, Packet, decode};
use fl_trace::encode::RecordPacket;
use fl_trace::packet::{Channel, MAX_FRAME, PACKET_ROOM, StreamPosition};
use proptest::prelude::*;
use std::collections::HashSet;
use support::mix::{Detail, mix};
use support::pack;

/// A byte, and where in the good stream it stood: frame, and position in it. `None`: it is not what was sent.
type Traced = (u8, Option<(usize, usize)>);

/// Frames of two CPUs' events, logs and console text, taking turns.
fn good_frames(seed: u64, most: u32) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let at = StreamPosition::default();
    let lanes = [0, 1].map(|cpu| pack(&mix(seed + cpu, 400, Detail::Full), CpuId(cpu as u8), at, most));
    for (i, (a, b)) in lanes[0].iter().zip(&lanes[1]).enumerate() {
        let at = StreamPosition { sequence: i as u32, first_index: 2 * i as u64, lost: 0 };
        let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
        let mut logs = RecordPacket::begin(&mut buf, Channel::Logs, CpuId(0), at, i as u64);
        assert!(logs.push_log(&[i as u8; 9]) && logs.push_log(&[0; 4]));
        frames.extend([a.frame.clone(), logs.finish(&mut frame).to_vec(), b.frame.clone()]);
    }
    frames
}

#[derive(Clone, Debug)]
enum Harm {
    Flip { at: usize, bit: u32 },
    Cut { at: usize, len: usize },
    Insert { at: usize, bytes: Vec<u8> },
    Repeat { at: usize, len: usize },
    Overwrite { at: usize, len: usize, with: u8 },
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = 0usize..1 << 20;
    prop_oneof![
        3 => (at.clone(), 0u32..8).prop_map(|(at, bit)| Harm::Flip { at, bit }),
        2 => (at.clone(), 1usize..1500).prop_map(|(at, len)| Harm::Cut { at, len }),
        1 => (at.clone(), proptest::collection::vec(any::<u8>(), 1..1500)).prop_map(|(at, bytes)| Harm::Insert { at, bytes }),
        1 => (at.clone(), 1usize..1500).prop_map(|(at, len)| Harm::Repeat { at, len }),
        1 => (at, 1usize..40, prop_oneof![Just(0), Just(0xFF), any::<u8>()])
            .prop_map(|(at, len, with)| Harm::Overwrite { at, len, with }),
    ]
}

fn inflict(stream: &mut Vec<Traced>, harm: &Harm) {
    let n = stream.len();
    let range = |at: usize, len: usize| at % n..(at % n + len).min(n);
    match *harm {
        _ if n == 0 => {}
        Harm::Flip { at, bit } => stream[at % n] = (stream[at % n].0 ^ 1 << bit, None),
        Harm::Cut { at, len } => drop(stream.drain(range(at, len))),
        Harm::Insert { at, ref bytes } => {
            drop(stream.splice(at % n..at % n, bytes.iter().map(|&b| (b, None))))
        }
        Harm::Repeat { at, len } => {
            let copy = stream[range(at, len)].to_vec();
            let end = range(at, len).end;
            drop(stream.splice(end..end, copy));
        }
        Harm::Overwrite { at, len, with } => stream[range(at, len)].fill((with, None)),
    }
}

/// How often each frame stands in the stream untouched.
fn untouched(stream: &[Traced], frames: &[Vec<u8>]) -> Vec<usize> {
    let mut whole = vec![0; frames.len()];
    for (i, &(_, origin)) in stream.iter().enumerate() {
        let Some((k, 0)) = origin else { continue };
        let fresh = i == 0 || stream[i - 1].0 == 0;
        let all = (0..frames[k].len()).all(|j| stream.get(i + j).is_some_and(|b| b.1 == Some((k, j))));
        whole[k] += usize::from(fresh && all);
    }
    whole
}

fn read(stream: &[Traced], sizes: &[usize]) -> Vec<Packet> {
    let bytes: Vec<u8> = stream.iter().map(|b| b.0).collect();
    let mut deframer = Deframer::new();
    let mut packets = Vec::new();
    let (mut rest, mut sizes) = (&bytes[..], sizes.iter().cycle());
    while !rest.is_empty() {
        let (mut chunk, later) = rest.split_at((*sizes.next().expect("cyclic")).min(rest.len()));
        rest = later;
        while let Some(frame) = deframer.next(&mut chunk) {
            assert_eq!(&bytes[frame.offset as usize..][..frame.bytes.len()], frame.bytes);
            packets.extend(decode(frame.bytes));
        }
    }
    packets
}

/// All that a packet says, for comparing packets.
fn told(p: &Packet) -> (Channel, CpuId, StreamPosition, u64, u32, Vec<u8>) {
    (p.channel, p.cpu, p.position, p.base_tsc, p.count, p.payload().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2500))]

    #[test]
    fn damage_costs_only_the_packets_it_touched(
        seed in 1u64..1000,
        most in 5u32..100,
        harms in proptest::collection::vec(harm(), 1..12),
        sizes in proptest::collection::vec(1usize..5000, 1..5),
    ) {
        let frames = good_frames(seed, most);
        let originals: Vec<_> = frames.iter().map(|f| told(&decode(&f[..f.len() - 1]).expect("own packet"))).collect();
        let mut stream: Vec<Traced> = Vec::new();
        for (k, frame) in frames.iter().enumerate() {
            stream.extend(frame.iter().enumerate().map(|(j, &b)| (b, Some((k, j)))));
        }
        prop_assert_eq!(untouched(&stream, &frames), vec![1; frames.len()]);
        harms.iter().for_each(|h| inflict(&mut stream, h));

        let mut decoded = vec![0; frames.len()];
        for packet in read(&stream, &sizes) {
            let k = originals.iter().position(|o| *o == told(&packet));
            prop_assert!(k.is_some(), "a packet that was never sent: {:?}", packet);
            decoded[k.unwrap()] += 1;
            prop_assert!(packet.events().all(|e| e.is_ok()) && packet.logs().all(|l| l.is_ok()));
        }
        // More than untouched is possible: an overwritten byte may get its own value again.
        for (k, (&got, &must)) in decoded.iter().zip(&untouched(&stream, &frames)).enumerate() {
            prop_assert!(got >= must, "frame {} stands untouched {} times, was decoded {} times", k, must, got);
        }
    }

    #[test]
    fn noise_gives_nothing_and_the_next_packet_is_read(
        noise in proptest::collection::vec(any::<u8>(), 0..8000),
        sizes in proptest::collection::vec(1usize..3000, 1..4),
    ) {
        let frame = &good_frames(1, 50)[0];
        let mut stream: Vec<Traced> = noise.iter().map(|&b| (b, None)).collect();
        stream.push((0, None));
        stream.extend(frame.iter().map(|&b| (b, None)));
        let packets = read(&stream, &sizes);
        prop_assert_eq!(packets.len(), 1);
        prop_assert_eq!(told(&packets[0]), told(&decode(&frame[..frame.len() - 1]).expect("own packet")));
    }
}

#[test]
fn every_single_bit_flip_is_noticed() {
    let frame = &good_frames(5, 20)[0];
    for i in 0..frame.len() - 1 {
        for bit in 0..8 {
            let mut bad = frame[..frame.len() - 1].to_vec();
            bad[i] ^= 1 << bit;
            assert!(decode(&bad).is_err_and(|e| e.is_damage()), "byte {i}, bit {bit}");
        }
    }
}

#[test]
fn every_cut_is_noticed() {
    let frame = &good_frames(6, 20)[0];
    let body = &frame[..frame.len() - 1];
    for at in 0..body.len() {
        assert!(decode(&body[..at]).is_err() && (at == 0 || decode(&body[at..]).is_err()), "cut at {at}");
    }
}

#[test]
fn the_streams_differ_enough_to_tell_packets_apart() {
    let frames = good_frames(1, 10);
    assert!(frames.len() > 60);
    assert_eq!(frames.iter().collect::<HashSet<_>>().len(), frames.len());
}
