//! File names: [`FileName`], any 1 to 14 bytes, and how they are written so that FAT keeps them byte by byte.
//!
//! FAT compares names without case, refuses some characters and trailing dots, holds text and not bytes, and lets a file also be found
//! under its generated alias (`~1`). So a name is escaped: `a`-`z`, `0`-`9`, `_`, `-` and `.` (but not a last dot) stand for
//! themselves, a capital is `^` and its small letter, any other byte is `%` and two hexadecimal digits. No escaped name differs from
//! another only in case, and none holds the `~` of an alias or the `$` of a file that is set aside.

use alloc::string::String;
use core::fmt;

use crate::error::NameError;

/// The longest name, in bytes.
pub const NAME_MAX: usize = 14;

/// The name of a file: 1 to [`NAME_MAX`] bytes of any value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName {
    bytes: [u8; NAME_MAX],
    len: u8,
}

impl FileName {
    /// The name of these bytes.
    pub fn new(name: &[u8]) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        let mut bytes = [0; NAME_MAX];
        bytes.get_mut(..name.len()).ok_or(NameError::TooLong)?.copy_from_slice(name);
        Ok(Self { bytes, len: name.len() as u8 })
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The name as it stands on the volume, and as host tools show it.
    pub fn escaped(&self) -> String {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut out = String::with_capacity(3 * NAME_MAX);
        let last = self.as_bytes().len() - 1;
        for (at, &byte) in self.as_bytes().iter().enumerate() {
            match byte {
                b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => out.push(byte.into()),
                b'.' if at != last => out.push('.'),
                b'A'..=b'Z' => out.extend(['^', byte.to_ascii_lowercase().into()]),
                _ => {
                    out.extend(['%', HEX[usize::from(byte >> 4)].into(), HEX[usize::from(byte & 15)].into()])
                }
            }
        }
        out
    }

    /// The file that an entry of the volume stands for; none for an entry that a host made under a name that we would not write. The
    /// case of the entry does not matter, as it does not to FAT.
    pub fn from_escaped(entry: &[u8]) -> Option<Self> {
        let mut bytes = [0; NAME_MAX];
        let mut len = 0;
        let mut rest = entry.iter().map(u8::to_ascii_lowercase);
        while let Some(byte) = rest.next() {
            *bytes.get_mut(len)? = match byte {
                b'^' => rest.next().filter(u8::is_ascii_lowercase)?.to_ascii_uppercase(),
                b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
                byte => byte,
            };
            len += 1;
        }
        let name = Self::new(&bytes[..len]).ok()?;
        // Only the one way to write it counts: `%61` is not `a`.
        name.escaped().as_bytes().eq_ignore_ascii_case(entry).then_some(name)
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|d| d as u8)
}

/// The largest number of a file that is set aside.
pub(crate) const ASIDE_MAX: u32 = 0x0fff_ffff;

/// Name of a removed file that is still open, as a directory entry stores it: `$nnnnnnn.DEL`. Numbers go from 1 to [`ASIDE_MAX`].
pub(crate) fn aside_entry(number: u32) -> [u8; 11] {
    let mut entry = *b"$0000000DEL";
    for (at, slot) in entry[1..8].iter_mut().enumerate() {
        *slot = b"0123456789ABCDEF"[(number >> (4 * (6 - at)) & 15) as usize];
    }
    entry
}

/// [`aside_entry`] as the library wants to be asked for it.
pub(crate) fn aside_name(number: u32) -> String {
    let entry = aside_entry(number);
    let mut name = String::with_capacity(12);
    name.extend(entry[..8].iter().map(|&b| char::from(b)));
    name.push('.');
    name.extend(entry[8..].iter().map(|&b| char::from(b)));
    name
}

/// Whether an entry is a file that was set aside and never unlinked.
pub(crate) fn is_aside(entry: &[u8]) -> bool {
    entry.len() == 12
        && entry[0] == b'$'
        && entry[1..8].iter().all(u8::is_ascii_hexdigit)
        && entry[8..].eq_ignore_ascii_case(b".del")
}
