//! Plain events from bytes, through serde and postcard, so that a new kind is tested as soon as it is declared.

use fl_trace::event::Event;

/// The event of that variant whose fields postcard reads from `fields`. `None`: they are no such fields, or it is not plain.
pub fn event(variant: u8, fields: &[u8]) -> Option<Event> {
    let bytes: Vec<u8> = [variant].iter().chain(fields).copied().collect();
    let (event, _) = postcard::take_from_bytes::<Event>(&bytes).ok()?;
    let mut plain = false;
    event.fields(|_, _| plain = true);
    plain.then_some(event)
}
