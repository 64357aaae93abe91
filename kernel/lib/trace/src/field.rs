//! How the fields of plain events travel, and what they are for those who look: [`Field`].
//!
//! A plain event is a struct whose fields travel one after the other, each in the way of its type. `declare.rs` derives
//! everything else from the declaration: so a new kind of event is written down once, in `event.rs`.

use crate::event::Name;
use crate::link::{Links, differ, follow};
use crate::varint::{Reader, Writer};
use fl_addr::{CpuId, PageId, Pfn, Pid, Slot, VirtAddr};

/// A field as a viewer sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// A count, a size, an identity of its own kind.
    Number(u64),
    /// A number that may be negative.
    Signed(i64),
    /// Yes or no.
    Flag(bool),
    /// A duration in ticks of the time-stamp counter.
    Ticks(u64),
    /// A virtual address.
    Address(VirtAddr),
    /// A process.
    Process(Pid),
    /// A logical page.
    Page(PageId),
    /// A physical frame.
    Frame(Pfn),
    /// A swap slot.
    Slot(Slot),
    /// One of a few words.
    Word(&'static str),
    /// A name that a user gave.
    Name(Name),
}

/// A type that a field of a plain event may have.
pub(crate) trait Field: Copy {
    /// Most bytes it takes on the wire.
    const MAX: usize;
    /// Appends it.
    fn put(self, links: &mut Links, w: &mut Writer<'_>);
    /// Reads it; `None`: a value of a newer schema. A short payload is found by the reader.
    fn get(links: &mut Links, r: &mut Reader<'_>) -> Option<Self>;
    /// For those who look.
    fn value(self) -> Value;
}

/// A duration in ticks of the time-stamp counter.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, serde::Serialize, serde::Deserialize,
)]
pub struct Ticks(pub u64);

/// Fields that travel as an unsigned varint: type, most bytes, from the wire, to the wire, to look at.
macro_rules! unsigned_fields {
    ($($ty:ty, $max:literal, $read:ident => $new:expr, $raw:expr, $value:expr;)*) => { $(
        impl Field for $ty {
            const MAX: usize = $max;
            #[inline(always)]
            fn put(self, _: &mut Links, w: &mut Writer<'_>) {
                w.unsigned($raw(self));
            }
            #[inline]
            fn get(_: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
                Some($new(r.$read()))
            }
            fn value(self) -> Value {
                $value(self)
            }
        }
    )* };
}

unsigned_fields! {
    u16, 3, u16 => |n| n, u64::from, |n: u16| Value::Number(n.into());
    u32, 5, u32 => |n| n, u64::from, |n: u32| Value::Number(n.into());
    u64, 10, u64 => |n| n, |n| n, Value::Number;
    Ticks, 10, u64 => Ticks, |t: Ticks| t.0, |t: Ticks| Value::Ticks(t.0);
    Pid, 5, u32 => Pid, |p: Pid| u64::from(p.0), Value::Process;
}

impl Field for u8 {
    const MAX: usize = 1;
    #[inline(always)]
    fn put(self, _: &mut Links, w: &mut Writer<'_>) {
        w.byte(self);
    }
    #[inline]
    fn get(_: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        Some(r.byte())
    }
    fn value(self) -> Value {
        Value::Number(self.into())
    }
}

impl Field for CpuId {
    const MAX: usize = 1;
    #[inline(always)]
    fn put(self, _: &mut Links, w: &mut Writer<'_>) {
        w.byte(self.0);
    }
    #[inline]
    fn get(_: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        Some(Self(r.byte()))
    }
    fn value(self) -> Value {
        Value::Number(self.0.into())
    }
}

impl Field for bool {
    const MAX: usize = 1;
    #[inline(always)]
    fn put(self, _: &mut Links, w: &mut Writer<'_>) {
        w.byte(self.into());
    }
    #[inline]
    fn get(_: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        match r.byte() {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    fn value(self) -> Value {
        Value::Flag(self)
    }
}

impl Field for i32 {
    const MAX: usize = 5;
    #[inline(always)]
    fn put(self, _: &mut Links, w: &mut Writer<'_>) {
        w.signed(self.into());
    }
    #[inline]
    fn get(_: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        Some(r.i32())
    }
    fn value(self) -> Value {
        Value::Signed(self.into())
    }
}

impl Field for i64 {
    const MAX: usize = 10;
    #[inline(always)]
    fn put(self, _: &mut Links, w: &mut Writer<'_>) {
        w.signed(self);
    }
    #[inline]
    fn get(_: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        Some(r.i64())
    }
    fn value(self) -> Value {
        Value::Signed(self)
    }
}

impl Field for VirtAddr {
    const MAX: usize = 10;
    #[inline(always)]
    fn put(self, links: &mut Links, w: &mut Writer<'_>) {
        w.signed(self.0.wrapping_sub(links.va) as i64);
        links.va = self.0;
    }
    #[inline]
    fn get(links: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        links.va = links.va.wrapping_add(r.i64() as u64);
        Some(Self(links.va))
    }
    fn value(self) -> Value {
        Value::Address(self)
    }
}

impl Field for PageId {
    const MAX: usize = 5;
    #[inline(always)]
    fn put(self, links: &mut Links, w: &mut Writer<'_>) {
        w.signed(differ(&mut links.page, self.0));
    }
    #[inline]
    fn get(links: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        Some(Self(follow(&mut links.page, r.i32())))
    }
    fn value(self) -> Value {
        Value::Page(self)
    }
}

impl Field for Pfn {
    const MAX: usize = 5;
    #[inline(always)]
    fn put(self, links: &mut Links, w: &mut Writer<'_>) {
        w.signed(differ(&mut links.frame, self.0));
    }
    #[inline]
    fn get(links: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        Some(Self(follow(&mut links.frame, r.i32())))
    }
    fn value(self) -> Value {
        Value::Frame(self)
    }
}

impl Field for Slot {
    const MAX: usize = 5;
    #[inline(always)]
    fn put(self, links: &mut Links, w: &mut Writer<'_>) {
        w.signed(differ(&mut links.slot, self.0));
    }
    #[inline]
    fn get(links: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        Some(Self(follow(&mut links.slot, r.i32())))
    }
    fn value(self) -> Value {
        Value::Slot(self)
    }
}

/// Length, then the bytes without the NULs at the end.
impl Field for Name {
    const MAX: usize = 17;
    #[inline(always)]
    fn put(self, _: &mut Links, w: &mut Writer<'_>) {
        let len = self.0.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
        w.unsigned(len as u64);
        w.bytes(self.0.get(..len).unwrap_or(&[]));
    }
    #[inline]
    fn get(_: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
        let mut name = Self::default();
        let len = r.u64();
        if len > name.0.len() as u64 {
            r.skip(len as usize); // longer than any record: the payload is unsound
            return None;
        }
        // The lengths differ only when the payload ends inside the name, which makes the record unsound.
        name.0.iter_mut().zip(r.bytes(len as usize)).for_each(|(to, &from)| *to = from);
        Some(name)
    }
    fn value(self) -> Value {
        Value::Name(self)
    }
}
