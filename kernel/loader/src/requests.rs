//! Finds the Limine requests in the loaded kernel image and writes the answers' addresses into them.
//!
//! [`scan`] walks the image once, eight bytes at a time, as the protocol wants; [`Requests`] remembers where
//! each kind was found. Words before a start marker and after the end marker are ignored, so copies of the
//! ids in constants do no harm.

use crate::le::u64_at;
use crate::protocol::{
    BASE_REVISION_MAGIC, BaseRevision, FIELD_OFFSET, MIN_STACK_SIZE, REQUEST_MAGIC, REQUESTS_END,
    REQUESTS_START, RESPONSE_OFFSET, RequestKind,
};
use core::fmt;
use fl_addr::VirtAddr;

/// The kernel's mistake in its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// No base revision tag: not a Limine kernel, or its request section was dropped at linking.
    NoBaseRevision,
    /// The tag asks for a revision that is not served.
    BaseRevision(u64),
    /// Two requests of one kind; `offset` of the second from the image's start, in bytes.
    Duplicate {
        /// Which kind.
        kind: RequestKind,
        /// From the image's start, in bytes.
        offset: usize,
    },
    /// A request or tag begins so close to the image's end that its answer would not fit.
    Truncated {
        /// From the image's start, in bytes.
        offset: usize,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoBaseRevision => {
                write!(f, "no Limine base revision tag found: keep the request sections in the linker script")
            }
            Self::BaseRevision(n) => {
                write!(f, "asks for Limine base revision {n}: this loader serves 2 and 3")
            }
            Self::Duplicate { kind, offset } => {
                write!(f, "has a second {kind:?} request at image offset {offset:#x}: only one is allowed")
            }
            Self::Truncated { offset } => {
                write!(f, "the Limine request at image offset {offset:#x} is cut off by the end of the image")
            }
        }
    }
}

/// Where the kernel's requests are: byte offsets from the image's start.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    revision: BaseRevision,
    tag: usize,
    offsets: [Option<usize>; RequestKind::COUNT],
}

/// Finds all requests in the part of the image that came from the file.
///
/// # Errors
/// Every [`RequestError`].
pub fn scan(image: &[u8]) -> Result<Requests, RequestError> {
    let mut tag = None;
    let mut offsets = [None; RequestKind::COUNT];
    let (words, _) = image.as_chunks::<8>();
    let truncated = |offset: usize, size: usize| {
        if offset + size > image.len() { Err(RequestError::Truncated { offset }) } else { Ok(()) }
    };
    for (index, pair) in words.windows(2).enumerate() {
        let first = u64::from_le_bytes(pair[0]);
        // Nearly every word fails here: one comparison each.
        if ![REQUEST_MAGIC[0], BASE_REVISION_MAGIC[0], REQUESTS_START[0], REQUESTS_END[0]].contains(&first) {
            continue;
        }
        let offset = 8 * index;
        match [first, u64::from_le_bytes(pair[1])] {
            REQUESTS_START => offsets = [None; RequestKind::COUNT],
            REQUESTS_END => break,
            BASE_REVISION_MAGIC => {
                truncated(offset, 24)?;
                tag = Some(offset);
            }
            REQUEST_MAGIC => {
                truncated(offset, FIELD_OFFSET)?;
                let id =
                    [u64_at(image, offset + 16), u64_at(image, offset + 24)].map(Option::unwrap_or_default);
                let Some(kind) = RequestKind::ALL.into_iter().find(|kind| kind.id() == id) else { continue };
                if offsets[kind as usize].replace(offset).is_some() {
                    return Err(RequestError::Duplicate { kind, offset });
                }
            }
            _ => {}
        }
    }
    let tag = tag.ok_or(RequestError::NoBaseRevision)?;
    let number = u64_at(image, tag + 16).ok_or(RequestError::Truncated { offset: tag })?;
    let revision = BaseRevision::from_number(number).ok_or(RequestError::BaseRevision(number))?;
    Ok(Requests { revision, tag, offsets })
}

impl Requests {
    /// The base revision the kernel asks for and gets.
    pub const fn revision(&self) -> BaseRevision {
        self.revision
    }

    /// Whether the kernel makes this request.
    pub const fn has(&self, kind: RequestKind) -> bool {
        self.offsets[kind as usize].is_some()
    }

    /// How many requests will be answered.
    pub fn count(&self) -> usize {
        self.offsets.iter().flatten().count()
    }

    /// Bytes of stack for each processor: what the kernel asks for in `image`, at least [`MIN_STACK_SIZE`],
    /// in whole pages.
    pub fn stack_size(&self, image: &[u8]) -> u64 {
        let field =
            self.offsets[RequestKind::StackSize as usize].and_then(|o| u64_at(image, o + FIELD_OFFSET));
        let size = field.unwrap_or(0).max(MIN_STACK_SIZE);
        size.checked_next_multiple_of(4096).unwrap_or(size)
    }

    /// Tells the kernel that its base revision is supported, and which one was used.
    pub fn accept_revision(&self, image: &mut [u8]) {
        put(image, self.tag + 8, self.revision.number());
        put(image, self.tag + 16, 0);
    }

    /// Points the request of this kind, if made, to its answer.
    pub fn answer(&self, image: &mut [u8], kind: RequestKind, response: VirtAddr) {
        if let Some(offset) = self.offsets[kind as usize] {
            put(image, offset + RESPONSE_OFFSET, response.0);
        }
    }
}

/// Writes a word that [`scan`] found to lie in the image.
fn put(image: &mut [u8], offset: usize, value: u64) {
    image[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    }

    fn tag(revision: u64) -> Vec<u64> {
        [BASE_REVISION_MAGIC[0], BASE_REVISION_MAGIC[1], revision].to_vec()
    }

    fn request(kind: RequestKind, field: u64) -> Vec<u64> {
        [&REQUEST_MAGIC[..], &kind.id(), &[0, 0, field]].concat()
    }

    #[test]
    fn a_request_is_found_and_its_response_pointer_written() {
        let mut image = bytes(&[vec![7; 3], tag(3), request(RequestKind::Hhdm, 9), vec![5]].concat());
        let found = scan(&image).unwrap();
        assert_eq!((found.revision(), found.count()), (BaseRevision::Three, 1));
        found.answer(&mut image, RequestKind::Hhdm, VirtAddr(0x1234));
        found.answer(&mut image, RequestKind::Mp, VirtAddr(0x5678)); // not made: nothing happens
        found.accept_revision(&mut image);
        let mut expected = [vec![7; 3], tag(3), request(RequestKind::Hhdm, 9), vec![5]].concat();
        (expected[4], expected[5], expected[6 + 5]) = (3, 0, 0x1234);
        assert_eq!(image, bytes(&expected));
    }

    #[test]
    fn copies_of_the_ids_outside_the_markers_do_no_harm() {
        let copy = request(RequestKind::Mp, 0);
        let words =
            [&copy, &REQUESTS_START[..], &[0, 0], &tag(2), &copy, &REQUESTS_END[..], &copy, &tag(9)].concat();
        let found = scan(&bytes(&words)).unwrap();
        assert_eq!(found.offsets[RequestKind::Mp as usize], Some(8 * (7 + 4 + 3)));
        assert_eq!(found.revision(), BaseRevision::Two);
    }

    #[test]
    fn each_mistake_has_its_own_error() {
        let hhdm = request(RequestKind::Hhdm, 0);
        assert_eq!(scan(&bytes(&hhdm)).unwrap_err(), RequestError::NoBaseRevision);
        for n in [0, 1, 4, u64::MAX] {
            assert_eq!(scan(&bytes(&tag(n))).unwrap_err(), RequestError::BaseRevision(n));
        }
        let twice = RequestError::Duplicate { kind: RequestKind::Hhdm, offset: 80 };
        assert_eq!(scan(&bytes(&[tag(2), hhdm.clone(), hhdm.clone()].concat())).unwrap_err(), twice);
        let cut = [tag(2), hhdm[..5].to_vec()].concat();
        assert_eq!(scan(&bytes(&cut)).unwrap_err(), RequestError::Truncated { offset: 24 });
        assert_eq!(scan(&bytes(&tag(2)[..2])).unwrap_err(), RequestError::Truncated { offset: 0 });
        assert_eq!(scan(b"").unwrap_err(), RequestError::NoBaseRevision);
    }

    #[test]
    fn an_unknown_request_is_left_alone() {
        let unknown = [&REQUEST_MAGIC[..], &[1, 2, 0, 0]].concat();
        assert_eq!(scan(&bytes(&[tag(2), unknown].concat())).unwrap().count(), 0);
    }

    #[test]
    fn the_stack_is_as_large_as_asked_and_never_too_small() {
        for (asked, given) in [(0, 65536), (65537, 69632), (1 << 20, 1 << 20), (u64::MAX, u64::MAX)] {
            let image = bytes(&[tag(2), request(RequestKind::StackSize, asked)].concat());
            assert_eq!(scan(&image).unwrap().stack_size(&image), given);
        }
        let image = bytes(&tag(2));
        assert_eq!(scan(&image).unwrap().stack_size(&image), 65536);
    }

    proptest! {
        /// Random splices of protocol words: never a panic, and whatever is found can be answered inside the
        /// image.
        #[test]
        fn any_image_is_scanned_and_answered_in_bounds(picks in prop::collection::vec(0usize..18, 0..40), cut in 0usize..16) {
            let mut image = Vec::new();
            for p in picks {
                image.extend(bytes(&match p {
                    0..11 => request(RequestKind::ALL[p], 1)[..(6 + p % 2)].to_vec(),
                    11 => tag(2),
                    12 => tag(3)[..2].to_vec(),
                    13 => REQUESTS_START.to_vec(),
                    14 => REQUESTS_END.to_vec(),
                    _ => REQUEST_MAGIC.to_vec(),
                }));
            }
            image.truncate(image.len().saturating_sub(cut));
            if let Ok(found) = scan(&image) {
                found.accept_revision(&mut image);
                for kind in RequestKind::ALL {
                    found.answer(&mut image, kind, VirtAddr(1));
                }
                found.stack_size(&image);
            }
        }
    }
}
