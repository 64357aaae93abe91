//! Whatever is pushed comes back, and the bytes are what postcard itself reads.

mod support;

use fl_addr::{CpuId, PageId, Pfn, Pid, VirtAddr};
use fl_trace::decode::{Packet, decode};
use fl_trace::encode::{EventPacket, MAX_LOG, RecordPacket};
use fl_trace::event::*;
use fl_trace::packet::{Channel, MAX_FRAME, PACKET_ROOM, StreamPosition};
use proptest::prelude::*;
use serde::Deserialize;
use support::extremes::{control, n32, n64, stamped};
use support::mix::{Detail, mix};
use support::pack;

fn open(frame: &[u8]) -> Packet {
    let (delimiter, body) = frame.split_last().expect("a frame is not empty");
    assert_eq!(*delimiter, 0);
    decode(body).expect("own packet")
}

fn position() -> impl Strategy<Value = StreamPosition> {
    (n32(), n64(), n64()).prop_map(|(sequence, first_index, lost)| StreamPosition {
        sequence,
        first_index,
        lost,
    })
}

/// The records of the events channel as a plain serde enum: the wire's definition a second time, read by postcard.
#[derive(Deserialize, Debug)]
enum Record<'a> {
    Context { pid: u32 },
    Spawn { dt: u64, pid: u32, parent: u32, name: &'a [u8] },
    Exit { dt: u64, pid: u32, status: i32, cause: ExitCause },
    Fault { dt: u64, what: u8, how: u8, va: i64, page: i32, generation: u32, frame: i32 },
    CacheRefill { dt: u64, place: u16, moved: u16, cached: u16 },
    CacheDrain { dt: u64, place: u16, moved: u16, cached: u16 },
    PageFree { dt: u64, page: i32, generation: u32, frame: i32 },
}

/// Takes one value off `bytes` by postcard.
fn take<'a, T: Deserialize<'a>>(bytes: &mut &'a [u8]) -> T {
    let (value, rest) = postcard::take_from_bytes(bytes).expect("postcard reads it");
    *bytes = rest;
    value
}

/// Reads a value of a field-less enum by its number, through postcard.
fn numbered<T: for<'a> Deserialize<'a>>(code: u8) -> T {
    postcard::from_bytes(&[code]).expect("known value")
}

/// A slow reader of an events payload that shares no code with the real one.
fn read_by_postcard(mut bytes: &[u8], base: u64) -> Vec<Stamped> {
    let (mut tsc, mut pid, mut va, mut page, mut frame) = (base, 0, 0u64, 0u32, 0u32);
    let (mut ips, mut pools) = ([0u64; 2], [(0u32, 0u32); 2]);
    let mut events = Vec::new();
    while !bytes.is_empty() {
        let (dt, event) = match take(&mut bytes) {
            Record::Context { pid: new } => {
                pid = new;
                continue;
            }
            Record::Spawn { dt, pid, parent, name } => {
                let mut padded = [0; 16];
                padded[..name.len()].copy_from_slice(name);
                (
                    dt,
                    Event::ProcessSpawn(ProcessSpawn {
                        pid: Pid(pid),
                        parent: Pid(parent),
                        name: Name(padded),
                    }),
                )
            }
            Record::Exit { dt, pid, status, cause } => {
                (dt, Event::ProcessExit(ProcessExit { pid: Pid(pid), status, cause }))
            }
            Record::Fault { dt, what, how, va: dva, page: dpage, generation, frame: dframe } => {
                va = va.wrapping_add_signed(dva);
                page = page.wrapping_add_signed(dpage);
                frame = frame.wrapping_add_signed(dframe);
                let user = what & 0x40 != 0;
                let ip = &mut ips[usize::from(user)];
                if what & 0x80 != 0 {
                    *ip = ip.wrapping_add_signed(take(&mut bytes));
                }
                let stages = [0, 1, 2, 3, 4].map(|s| if how & 8 << s != 0 { take(&mut bytes) } else { 0 });
                let fault = Fault {
                    pid: Pid(pid),
                    va: VirtAddr(va),
                    ip: VirtAddr(*ip),
                    kind: numbered(what & 15),
                    access: numbered(what >> 4 & 3),
                    user,
                    outcome: numbered(how & 7),
                    page: PageId(page),
                    generation,
                    frame: Pfn(frame),
                    stages,
                };
                (dt, Event::Fault(fault))
            }
            Record::CacheRefill { dt, place, moved, cached } => {
                let pool = &mut pools[usize::from(place & 1)];
                pool.0 = pool.0.wrapping_sub(moved.into());
                (dt, Event::CacheRefill(transfer(place, moved, cached, pool, &mut bytes)))
            }
            Record::CacheDrain { dt, place, moved, cached } => {
                let pool = &mut pools[usize::from(place & 1)];
                pool.0 = pool.0.wrapping_add(moved.into());
                (dt, Event::CacheDrain(transfer(place, moved, cached, pool, &mut bytes)))
            }
            Record::PageFree { dt, page: dpage, generation, frame: dframe } => {
                page = page.wrapping_add_signed(dpage);
                frame = frame.wrapping_add_signed(dframe);
                (dt, Event::PageFree(PageFree { page: PageId(page), generation, frame: Pfn(frame) }))
            }
        };
        tsc = tsc.wrapping_add(dt);
        events.push(Stamped { tsc, event });
    }
    events
}

/// A transfer, of whose pool the fill is known already, unless the rest of the record corrects it.
fn transfer(
    place: u16,
    moved: u16,
    cached: u16,
    (fill, number): &mut (u32, u32),
    rest: &mut &[u8],
) -> CacheTransfer {
    *number = number.wrapping_add(1);
    if place & 2 != 0 {
        *number = number.wrapping_add_signed(take(rest));
        *fill = fill.wrapping_add_signed(take(rest));
    }
    CacheTransfer {
        cache: CpuId(u8::try_from(place >> 2).expect("a CPU")),
        class: numbered((place & 1) as u8),
        moved,
        cached,
        pool_free: *fill,
        number: *number,
    }
}

fn number(n: &impl serde::Serialize) -> Vec<u8> {
    postcard::to_slice(n, &mut [0; 10]).expect("a number").to_vec()
}

/// Bytes of which postcard can often read fields: small numbers and numbers of any length.
fn fields() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        prop_oneof![
            (0u8..3).prop_map(|b| vec![b]),
            n64().prop_map(|n| number(&n)),
            n32().prop_map(|n| number(&n)),
        ],
        40,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn plain_events_of_every_kind_come_back(
        from in proptest::collection::vec((0..fl_trace::control::EVENT_KINDS as u8, fields(), n64()), 1..60),
    ) {
        let events: Vec<Stamped> = from
            .iter()
            .filter_map(|(variant, fields, tsc)| Some(Stamped { tsc: *tsc, event: support::plain::event(*variant, fields)? }))
            .collect();
        let mut back = Vec::new();
        for sent in pack(&events, CpuId(0), StreamPosition::default(), 60) {
            back.extend(open(&sent.frame).events().map(|e| e.expect("own event")));
        }
        prop_assert_eq!(back, events);
    }

    #[test]
    fn every_event_comes_back_and_postcard_reads_the_same(
        events in proptest::collection::vec(stamped(), 1..60),
        at in position(),
        cpu: u8,
        most in 1u32..60,
    ) {
        let mut at = at;
        for sent in pack(&events, CpuId(cpu), at, most) {
            let packet = open(&sent.frame);
            prop_assert_eq!((packet.channel, packet.cpu, packet.position), (Channel::Events, CpuId(cpu), at));
            prop_assert_eq!(packet.base_tsc, sent.events[0].tsc);
            let got: Result<Vec<_>, _> = packet.events().collect();
            prop_assert_eq!(got.as_ref(), Ok(&sent.events));
            prop_assert_eq!(&read_by_postcard(packet.payload(), packet.base_tsc), &sent.events);
            prop_assert_eq!(packet.controls().count() + packet.logs().count() + packet.console().len(), 0);
            at.advance(sent.events.len() as u32);
        }
    }

    #[test]
    fn every_control_record_comes_back(records in proptest::collection::vec(control(), 1..20), at in position(), base in n64()) {
        let (mut buf, mut frame) = ([0xAA; PACKET_ROOM], [0xAA; MAX_FRAME]);
        let mut packet = RecordPacket::begin(&mut buf, Channel::Control, CpuId(0), at, base);
        let fitting = records.iter().take_while(|r| packet.push_control(r)).count();
        prop_assert!(fitting >= 1);
        prop_assert!(!packet.push_log(b"x") && packet.push_bytes(b"x") == 0, "another channel's records are refused");
        let packet = open(packet.finish(&mut frame));
        prop_assert_eq!((packet.channel, packet.position, packet.base_tsc), (Channel::Control, at, base));
        let got: Result<Vec<_>, _> = packet.controls().collect();
        prop_assert_eq!(got, Ok(records[..fitting].to_vec()));
    }

    #[test]
    fn every_log_frame_comes_back(logs in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 1..12), at in position()) {
        let (mut buf, mut frame) = ([0xAA; PACKET_ROOM], [0xAA; MAX_FRAME]);
        let mut packet = RecordPacket::begin(&mut buf, Channel::Logs, CpuId(3), at, 7);
        let fitting = logs.iter().take_while(|l| packet.push_log(l)).count();
        prop_assert!(fitting >= 1);
        prop_assert_eq!(packet.count() as usize, fitting);
        let packet = open(packet.finish(&mut frame));
        let got: Result<Vec<_>, _> = packet.logs().collect();
        prop_assert_eq!(got, Ok(logs[..fitting].iter().map(|l| &l[..]).collect::<Vec<_>>()));
    }

    #[test]
    fn console_bytes_come_back(text in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let (mut buf, mut frame) = ([0xAA; PACKET_ROOM], [0xAA; MAX_FRAME]);
        let (mut rest, mut got) = (&text[..], Vec::new());
        let mut at = StreamPosition::default();
        while !rest.is_empty() {
            let mut packet = RecordPacket::begin(&mut buf, Channel::Console, CpuId(0), at, 0);
            let taken = packet.push_bytes(rest);
            prop_assert!(taken > 0);
            rest = &rest[taken..];
            let packet = open(packet.finish(&mut frame));
            prop_assert_eq!(packet.count as usize, taken);
            prop_assert_eq!(packet.position.first_index as usize, got.len());
            got.extend_from_slice(packet.console());
            at.advance(taken as u32);
        }
        prop_assert_eq!(got, text);
    }
}

#[test]
fn a_realistic_run_comes_back() {
    let events = mix(7, 30_000, Detail::Full);
    let sent = pack(&events, CpuId(0), StreamPosition::default(), u32::MAX);
    let got: Vec<Stamped> =
        sent.iter().flat_map(|p| open(&p.frame).events().collect::<Vec<_>>()).map(Result::unwrap).collect();
    assert_eq!(got, events);
}

#[test]
fn an_event_that_does_not_fit_changes_nothing() {
    for seed in 1..40 {
        let events = mix(seed, 400, Detail::Full);
        let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
        let mut packet = EventPacket::begin(&mut buf, CpuId(0), StreamPosition::default(), events[0].tsc);
        let fitting = events.iter().take_while(|e| packet.push(e)).count();
        let before = (packet.count(), packet.payload_len());
        for e in [events[fitting], events[fitting]] {
            assert!(!packet.push(&e));
            assert_eq!((packet.count(), packet.payload_len()), before);
        }
        // Something shorter may still fit, and must come out as it went in.
        let mut expected = events[..fitting].to_vec();
        expected.extend(events[fitting..].iter().filter(|e| packet.push(e)));
        let got: Result<Vec<_>, _> = open(packet.finish(&mut frame)).events().collect();
        assert_eq!(got, Ok(expected));
    }
}

#[test]
fn the_longest_log_fits_and_a_longer_one_never_does() {
    let far = StreamPosition { sequence: u32::MAX, first_index: u64::MAX, lost: u64::MAX };
    let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
    let mut packet = RecordPacket::begin(&mut buf, Channel::Logs, CpuId(255), far, u64::MAX);
    assert!(!packet.push_log(&[1; MAX_LOG + 1]));
    assert!(packet.push_log(&[1; MAX_LOG]));
    assert!(!packet.push_log(&[]));
    let packet = open(packet.finish(&mut frame));
    assert_eq!((packet.position, packet.count, packet.payload().len()), (far, 1, MAX_LOG + 2));
}

#[test]
fn an_empty_packet_still_tells_its_position() {
    let at = StreamPosition { sequence: 9, first_index: 70, lost: 3 };
    let (mut buf, mut frame) = ([0; PACKET_ROOM], [0; MAX_FRAME]);
    let packet = open(EventPacket::begin(&mut buf, CpuId(1), at, 5).finish(&mut frame));
    assert_eq!((packet.position, packet.count, packet.events().count()), (at, 0, 0));
}
