//! What did not arrive, said first: one line with totals, and the details on request.

use crate::model::clock::count_text;
use crate::model::names;
use crate::view::paint::{Cell, Look, Table};
use crate::wire::loss::{Damage, LossReport, Why};
use fl_trace::decode::PacketError;
use fl_trace::packet::Channel;
use serde_json::{Value, json};

/// `1 packet`, `2 packets`.
pub fn plural(n: u64, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n if one.ends_with('s') => format!("{} {one}es", count_text(n)),
        n => format!("{} {one}s", count_text(n)),
    }
}

fn records(channel: Channel) -> &'static str {
    match channel {
        Channel::Control => "control record",
        Channel::Events => "event",
        Channel::Logs => "log record",
        Channel::Console => "console byte",
    }
}

/// What a channel is called in tables and JSON.
pub fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Control => "control",
        Channel::Events => "events",
        Channel::Logs => "logs",
        Channel::Console => "console",
    }
}

/// The line to print before anything else; nothing if the stream is whole.
pub fn headline(report: &LossReport, look: &Look) -> Option<String> {
    if report.is_complete() && report.other_fingerprint.is_none() {
        return None;
    }
    let mut lines = Vec::new();
    let sum = report.sum(None);
    let missing: Vec<String> = Channel::ALL
        .iter()
        .map(|&c| (c, report.sum(Some(c)).lost.records))
        .filter(|(_, n)| *n > 0)
        .map(|(c, n)| plural(n, records(c)))
        .collect();
    let mut parts = Vec::new();
    if sum.lost.packets > 0 {
        let of = sum.packets + u64::from(sum.lost.packets);
        parts.push(format!(
            "{} of {} packets did not arrive ({})",
            count_text(sum.lost.packets.into()),
            count_text(of),
            missing.join(", ")
        ));
    }
    if report.damaged_places > 0 {
        parts.push(format!(
            "{} in {} cannot be read",
            plural(report.damaged_bytes, "byte"),
            plural(report.damaged_places, "place")
        ));
    }
    if !parts.is_empty() {
        lines.push(format!("{} {}", look.bad("DAMAGED:"), parts.join("; ")));
    }
    let dropped: Vec<String> = Channel::ALL
        .iter()
        .map(|&c| (c, report.sum(Some(c)).lost.dropped))
        .filter(|(_, n)| *n > 0)
        .map(|(c, n)| plural(n, records(c)))
        .collect();
    if !dropped.is_empty() {
        lines.push(format!(
            "{} the kernel dropped {} because a buffer was full",
            look.warn("LOST:"),
            dropped.join(", ")
        ));
    }
    if sum.unreadable + report.unknown_channels > 0 || report.other_fingerprint.is_some() {
        let what = match (sum.unreadable, report.unknown_channels) {
            (0, 0) => "all of it could be read so far".to_string(),
            (0, channels) => format!("{} of unknown channels", plural(channels, "packet")),
            (records, 0) => format!("{} cannot be read", plural(records, "record")),
            (records, channels) => {
                format!(
                    "{} and {} of unknown channels cannot be read",
                    plural(records, "record"),
                    plural(channels, "packet")
                )
            }
        };
        lines.push(format!("{} the kernel was built from another schema: {what}", look.warn("SCHEMA:")));
    }
    if let Some(offset) = report.next_boot {
        lines.push(format!(
            "{} another boot begins at byte {offset}; this shows the first (`tail -c +{}` has the rest)",
            look.warn("TWO RUNS:"),
            offset + 1
        ));
    }
    Some(lines.join("\n") + "\n")
}

/// Every stream's account and every damaged place.
pub fn details(report: &LossReport, look: &Look) -> String {
    let mut text = format!("\n{}\n", look.head("What arrived, by stream"));
    let mut table = Table::new(&[
        "channel",
        "cpu",
        "packets",
        "records",
        "lost packets",
        "lost records",
        "dropped",
        "repeats",
    ]);
    for ((c, cpu), stream) in &report.streams {
        let late = stream.before_first.packets > 0;
        table.row(vec![
            Cell::left(channel(*c)),
            Cell::right(cpu.to_string()),
            Cell::right(count_text(stream.packets)),
            Cell::right(count_text(stream.records)),
            Cell::right(count_text(stream.lost.packets.into())),
            Cell::right(count_text(stream.lost.records)),
            Cell::right(count_text(stream.lost.dropped)),
            Cell::right(count_text(stream.repeats)),
            Cell::left(if late {
                format!(
                    "{} before the first that arrived",
                    plural(stream.before_first.packets.into(), "packet")
                )
            } else {
                String::new()
            }),
        ]);
    }
    text += &table.text(look);
    if !report.damage.is_empty() {
        text += &format!("\n{}\n", look.head("Damaged places"));
        let mut table = Table::new(&["at byte", "bytes", "what is wrong"]);
        for damage in &report.damage {
            table.row(vec![
                Cell::right(count_text(damage.offset)),
                Cell::right(count_text(damage.len)),
                Cell::left(why(damage)),
            ]);
        }
        text += &table.text(look);
        let more = report.damaged_places - report.damage.len() as u64;
        if more > 0 {
            text += &format!("  and {} more\n", count_text(more));
        }
    }
    text
}

fn why(damage: &Damage) -> String {
    match damage.why {
        Why::Packet(PacketError::Framing) => "damaged framing".into(),
        Why::Packet(PacketError::Short) => "too short for a packet".into(),
        Why::Packet(PacketError::Crc) => "wrong checksum".into(),
        Why::Packet(PacketError::Header) => "unreadable header".into(),
        Why::Packet(PacketError::UnknownChannel(c)) => format!("unknown channel {c}"),
        Why::TooLong => "no delimiter for longer than a packet".into(),
        Why::CutAtEnd => "the input ends inside a packet".into(),
    }
}

/// The account as JSON.
pub fn json(report: &LossReport) -> Value {
    let streams: Vec<Value> = report
        .streams
        .iter()
        .map(|((c, cpu), s)| {
            json!({
                "channel": channel(*c), "cpu": cpu.0, "packets": s.packets, "records": s.records,
                "lost_packets": s.lost.packets, "lost_records": s.lost.records, "dropped_by_kernel": s.lost.dropped,
                "lost_packets_before_first": s.before_first.packets, "lost_records_before_first": s.before_first.records,
                "repeats": s.repeats, "unreadable_records": s.unreadable,
            })
        })
        .collect();
    let damage: Vec<Value> =
        report.damage.iter().map(|d| json!({"offset": d.offset, "bytes": d.len, "why": why(d)})).collect();
    json!({
        "complete": report.is_complete(), "bytes": report.bytes, "packets": report.packets,
        "damaged_places": report.damaged_places, "damaged_bytes": report.damaged_bytes, "damage": damage,
        "unknown_channel_packets": report.unknown_channels, "next_boot_at": report.next_boot,
        "other_schema_fingerprint": report.other_fingerprint, "streams": streams,
        "event_kinds": names::EVENT_NAMES,
    })
}
