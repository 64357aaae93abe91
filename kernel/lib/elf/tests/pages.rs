//! From a plan to pages: rights, pieces and zeroes, pages that two segments share, and runs of like pages.

mod image;

use fl_addr::{PAGE_SIZE, VirtAddr, Vpn};
use fl_elf::{OutOfBounds, PagePlan, PageRange, Piece, Plan, Source, plan};
use image::{Image, R, RW, RX, content, load};

fn planned(image: &Image) -> Plan {
    plan(image.bytes().as_slice()).unwrap()
}

fn page(plan: &Plan, va: u64) -> PagePlan {
    plan.page(VirtAddr(va).vpn()).unwrap()
}

fn range(start: u64, end: u64, write: bool, exec: bool, zero: bool) -> PageRange {
    PageRange { start: Vpn(start), end: Vpn(end), write, exec, zero }
}

#[test]
fn a_pintos_program_is_text_from_the_file_and_bss_of_zeroes() {
    let plan = planned(&Image::pintos());
    assert_eq!(plan.entry, VirtAddr(0x400100));
    assert_eq!(
        plan.ranges().collect::<Vec<_>>(),
        [range(0x400, 0x402, false, true, false), range(0x602, 0x608, true, false, true)],
    );
    let last_of_text = page(&plan, 0x401000);
    assert_eq!(last_of_text.pieces.as_slice(), [Piece { file_offset: 0x1000, page_offset: 0, len: 0x234 }]);
    assert!(last_of_text.exec && !last_of_text.write);
    assert!(plan.is_pure_zero(Vpn(0x602)) && plan.is_pure_zero(Vpn(0x607)));
    assert!(!plan.is_pure_zero(Vpn(0x401)));
}

#[test]
fn pages_outside_every_segment_have_no_plan() {
    let plan = planned(&Image::pintos());
    for vpn in [0, 0x3ff, 0x402, 0x601, 0x608, u64::MAX >> 12] {
        assert_eq!(plan.page(Vpn(vpn)), None, "page {vpn:#x}");
        assert!(!plan.is_pure_zero(Vpn(vpn)), "a page that is not there is not zero");
    }
}

#[test]
fn a_page_shared_by_headers_and_text_has_the_rights_and_bytes_of_both() {
    let mut image =
        Image::with(vec![load(R, 0, 0x400000, 0x120, 0x120), load(RX, 0x120, 0x400120, 0x2000, 0x2000)]);
    image.entry = 0x400120;
    let plan = planned(&image);
    let shared = page(&plan, 0x400000);
    assert!(shared.exec && !shared.write);
    assert_eq!(
        shared.pieces.as_slice(),
        [
            Piece { file_offset: 0, page_offset: 0, len: 0x120 },
            Piece { file_offset: 0x120, page_offset: 0x120, len: 0x1000 - 0x120 },
        ],
    );
    assert_eq!(plan.ranges().collect::<Vec<_>>(), [range(0x400, 0x403, false, true, false)], "one run");
    assert_eq!(
        plan.pages().collect::<Vec<_>>(),
        [Vpn(0x400), Vpn(0x401), Vpn(0x402)],
        "the shared page once"
    );
}

#[test]
fn headers_of_a_page_shared_with_text_do_not_make_later_pages_different() {
    let plan = planned(&Image::with(vec![
        load(RX, 0, 0x400000, 0x1800, 0x1800),
        load(RW, 0x1800, 0x401800, 0x800, 0x2000),
    ]));
    assert_eq!(
        plan.ranges().collect::<Vec<_>>(),
        [
            range(0x400, 0x401, false, true, false),
            range(0x401, 0x402, true, true, false),
            range(0x402, 0x404, true, false, true),
        ],
    );
}

#[test]
fn data_is_followed_by_its_bss_within_the_page_and_beyond() {
    let plan = planned(&Image::with(vec![
        load(RX, 0, 0x400000, 0x1000, 0x1000),
        load(RW, 0x1000, 0x500000, 0x1010, 0x3000),
    ]));
    assert_eq!(
        plan.ranges().skip(1).collect::<Vec<_>>(),
        [range(0x500, 0x502, true, false, false), range(0x502, 0x503, true, false, true)],
    );
    let mixed = page(&plan, 0x501000);
    assert_eq!(mixed.pieces.as_slice(), [Piece { file_offset: 0x2000, page_offset: 0, len: 0x10 }]);
}

#[test]
fn filling_a_page_writes_every_byte_of_it() {
    let image = Image::with(vec![
        load(RX, 0, 0x400000, 0x900, 0x900),
        load(RW, 0x1a00, 0x400a00, 0x100, 0x400),
        load(RW, 0x2e80, 0x400e80, 0x80, 0x80),
    ]);
    let (file, plan) = (image.bytes(), planned(&image));
    let mut buffer = [0xaa; PAGE_SIZE];
    page(&plan, 0x400000).fill(file.as_slice(), &mut buffer).unwrap();
    for (i, &byte) in buffer.iter().enumerate() {
        let expected = match i {
            0..0x900 => file[i],
            0xa00..0xb00 => content(0x1000 + i as u64),
            0xe80..0xf00 => content(0x2000 + i as u64),
            _ => 0,
        };
        assert_eq!(byte, expected, "byte {i:#x}");
    }
}

/// A file that is read by sectors of 512 bytes, into whatever lies around, and counts its reads.
struct Sectors {
    bytes: Vec<u8>,
    reads: std::cell::Cell<u32>,
}

impl Source for Sectors {
    type Error = OutOfBounds;

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), OutOfBounds> {
        self.reads.set(self.reads.get() + 1);
        self.bytes.as_slice().read_at(offset, buf)
    }
    fn read_into_page(
        &self,
        offset: u64,
        page: &mut [u8; PAGE_SIZE],
        wanted: std::ops::Range<usize>,
    ) -> Result<(), OutOfBounds> {
        self.reads.set(self.reads.get() + 1);
        let (start, end) = (wanted.start / 512 * 512, wanted.end.next_multiple_of(512));
        page[start..end].fill(0xee); // what lies around is anything
        self.bytes.as_slice().read_at(offset + wanted.start as u64, &mut page[wanted])
    }
}

#[test]
fn a_page_of_one_page_of_the_file_is_read_at_once_and_what_comes_with_it_is_cleared() {
    let together = vec![load(RX, 0x80, 0x400080, 0x780, 0x780), load(RW, 0x810, 0x400810, 0x33, 0x700)];
    let apart = vec![load(RX, 0x80, 0x400080, 0x780, 0x780), load(RW, 0x1810, 0x400810, 0x33, 0x700)];
    for (segments, reads, base) in [(together, 1, 0), (apart, 2, 0x1000)] {
        let mut image = Image::with(segments);
        image.entry = 0x400080;
        let plan = planned(&image);
        let file = Sectors { bytes: image.bytes(), reads: 0.into() };
        let mut buffer = [0xaa; PAGE_SIZE];
        page(&plan, 0x400000).fill(&file, &mut buffer).unwrap();
        assert_eq!(file.reads.get(), reads);
        for (i, &byte) in buffer.iter().enumerate() {
            let expected = match i {
                0x80..0x800 => file.bytes[i],
                0x810..0x843 => file.bytes[base + i],
                _ => 0,
            };
            assert_eq!(byte, expected, "byte {i:#x}");
        }
    }
}

#[test]
fn a_page_of_bss_is_filled_without_reading_the_file() {
    let plan = planned(&Image::pintos());
    let mut buffer = [0xaa; PAGE_SIZE];
    page(&plan, 0x602000).fill([].as_slice(), &mut buffer).unwrap();
    assert_eq!(buffer, [0; PAGE_SIZE]);
}

#[test]
fn a_file_that_shrank_is_an_error_when_its_page_is_filled() {
    let plan = planned(&Image::pintos());
    let mut buffer = [0; PAGE_SIZE];
    assert_eq!(page(&plan, 0x401000).fill([0; 0x1000].as_slice(), &mut buffer), Err(fl_elf::OutOfBounds));
}

#[test]
fn segments_are_sorted_whatever_the_order_of_their_headers() {
    let mut image = Image::pintos();
    image.phdrs.reverse();
    assert_eq!(planned(&image), planned(&Image::pintos()));
}
