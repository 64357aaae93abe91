//! Each malformation has its own error: one test for each, made from an image that is right but for that one thing.

mod image;

use fl_abi::{STACK_LIMIT, USER_LIMIT, USER_STACK};
use fl_addr::VirtAddr;
use fl_elf::{Error, OutOfBounds, SEGMENTS_MAX, Source, plan};
use image::{Image, PT_LOAD, Phdr, R, RW, RX, load, other};

/// What `plan` says of the pintos image after `change`.
#[track_caller]
fn refused(change: impl FnOnce(&mut Image), expected: Error<OutOfBounds>) {
    let mut image = Image::pintos();
    assert!(plan(image.bytes().as_slice()).is_ok(), "the image is right before the change");
    change(&mut image);
    assert_eq!(plan(image.bytes().as_slice()), Err(expected));
    assert!(!expected.to_string().is_empty());
}

/// The same for a change of the data segment alone, with the text segment left as it is.
#[track_caller]
fn data_refused(data: Phdr, expected: Error<OutOfBounds>) {
    refused(|i| i.phdrs[1] = data, expected);
}

/// The same, but the changed segment is legal.
#[track_caller]
fn data_accepted(data: Phdr) {
    let mut image = Image::pintos();
    image.phdrs[1] = data;
    assert!(plan(image.bytes().as_slice()).is_ok());
}

#[test]
fn other_magic_is_not_elf() {
    refused(|i| i.magic = *b"#!/b", Error::NotElf);
}

#[test]
fn an_empty_file_is_not_elf() {
    refused(|i| i.len = 0, Error::NotElf);
}

#[test]
fn a_short_text_file_is_not_elf() {
    assert_eq!(plan(b"hi".as_slice()), Err(Error::NotElf));
}

#[test]
fn a_file_cut_anywhere_in_its_header_is_truncated() {
    let bytes = Image::pintos().bytes();
    for len in 1..64 {
        assert_eq!(plan(&bytes[..len]), Err(Error::Truncated), "{len} bytes");
    }
}

#[test]
fn elf32_is_the_wrong_class() {
    refused(|i| i.class = 1, Error::WrongClass);
    refused(|i| i.class = 9, Error::WrongClass);
}

#[test]
fn big_endian_is_the_wrong_byte_order() {
    refused(|i| i.data = 2, Error::WrongByteOrder);
    refused(|i| i.data = 0, Error::WrongByteOrder);
}

#[test]
fn both_version_fields_are_checked() {
    refused(|i| i.ident_version = 2, Error::WrongVersion);
    refused(|i| i.version = 0, Error::WrongVersion);
}

#[test]
fn another_processor_is_refused() {
    refused(|i| i.machine = 183, Error::WrongMachine(183));
}

#[test]
fn what_is_not_a_fixed_executable_is_refused() {
    refused(|i| i.kind = 1, Error::WrongType(1));
    refused(|i| i.kind = 3, Error::WrongType(3));
    refused(|i| i.kind = 4, Error::WrongType(4));
}

#[test]
fn program_headers_of_another_size_are_refused() {
    refused(|i| i.phentsize = 32, Error::WrongHeaderSize(32));
    refused(|i| i.phentsize = 0, Error::WrongHeaderSize(0));
    refused(|i| i.phentsize = 64, Error::WrongHeaderSize(64));
}

#[test]
fn a_header_table_outside_the_file_is_refused() {
    refused(|i| i.phoff = 0x3000, Error::HeadersOutsideFile);
    refused(|i| i.phoff = 0x3000 - 3 * 56 + 1, Error::HeadersOutsideFile);
    refused(|i| i.phoff = u64::MAX, Error::HeadersOutsideFile);
    refused(|i| i.phoff = u64::MAX - 3 * 56 + 1, Error::HeadersOutsideFile);
    refused(|i| i.phnum = Some(u16::MAX), Error::HeadersOutsideFile);
}

#[test]
fn a_header_table_at_the_very_end_of_the_file_is_read() {
    let mut image = Image::pintos();
    image.phoff = 0x3000 - 3 * 56;
    assert!(plan(image.bytes().as_slice()).is_ok());
}

#[test]
fn dynamic_linking_is_refused() {
    refused(|i| i.phdrs.push(other(3)), Error::Interpreter);
    refused(|i| i.phdrs.push(other(2)), Error::Dynamic);
    refused(|i| i.phdrs.push(other(5)), Error::Shlib);
}

#[test]
fn headers_that_ask_for_nothing_are_ignored_whatever_they_say() {
    let mut image = Image::pintos();
    // PT_NULL, PT_NOTE, PT_PHDR, PT_TLS, PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY
    for kind in [0, 4, 6, 7, 0x6474_e550, 0x6474_e551, 0x6474_e552, 0x6474_e553] {
        image.phdrs.push(Phdr { kind, ..load(7, u64::MAX, u64::MAX, u64::MAX, 1) });
    }
    let plan = plan(image.bytes().as_slice()).unwrap();
    assert_eq!(plan.segments.len(), 2);
}

#[test]
fn offset_and_address_must_agree_modulo_a_page() {
    data_refused(load(RW, 0x2010, 0x602000, 0x10, 0x10), Error::Misaligned(VirtAddr(0x602000)));
    data_refused(load(RW, 0x2000, 0x602010, 0, 0x10), Error::Misaligned(VirtAddr(0x602010)));
    data_accepted(load(RW, 0x2010, 0x602010, 0x10, 0x10));
}

#[test]
fn a_segment_beyond_the_end_of_the_file_is_refused() {
    data_refused(load(RW, 0x4000, 0x602000, 0, 0x10), Error::OffsetOutsideFile(VirtAddr(0x602000)));
    data_refused(load(RW, 0x4000, 0x602000, 0x10, 0x10), Error::OffsetOutsideFile(VirtAddr(0x602000)));
    data_refused(load(RW, !0xfff, 0x602000, 0x2000, 0x2000), Error::OffsetOutsideFile(VirtAddr(0x602000)));
    data_accepted(load(RW, 0x3000, 0x602000, 0, 0x10));
}

#[test]
fn a_segment_across_the_end_of_the_file_is_refused() {
    data_refused(load(RW, 0x2000, 0x602000, 0x1001, 0x2000), Error::ContentOutsideFile(VirtAddr(0x602000)));
    data_refused(
        load(RW, 0x2000, 0x602000, u64::MAX, u64::MAX),
        Error::ContentOutsideFile(VirtAddr(0x602000)),
    );
    data_accepted(load(RW, 0x2000, 0x602000, 0x1000, 0x2000));
}

#[test]
fn a_segment_larger_in_the_file_than_in_memory_is_refused() {
    data_refused(load(RW, 0x2000, 0x602000, 0x11, 0x10), Error::FileLargerThanMemory(VirtAddr(0x602000)));
}

#[test]
fn a_segment_of_no_memory_is_refused() {
    data_refused(load(RW, 0x2000, 0x602000, 0, 0), Error::EmptySegment(VirtAddr(0x602000)));
    data_refused(load(RW, 0x2000, 0x602000, 0x10, 0), Error::EmptySegment(VirtAddr(0x602000)));
}

#[test]
fn page_zero_is_refused() {
    data_refused(load(RW, 0x2000, 0, 0x10, 0x10), Error::NullPage(VirtAddr(0)));
    data_refused(load(RW, 0x2fff, 0xfff, 0, 2), Error::NullPage(VirtAddr(0xfff)));
    data_accepted(load(RW, 0x2000, 0x1000, 0x10, 0x10));
}

#[test]
fn a_segment_that_wraps_around_is_refused() {
    data_refused(load(RW, 0x2000, !0xfff, 0, 0x1000), Error::WrapsAround(VirtAddr(!0xfff)));
    data_refused(load(RW, 0x2000, 0x602000, 0, u64::MAX - 0x600000), Error::WrapsAround(VirtAddr(0x602000)));
    data_refused(load(RW, 0x2000, !0xfff, 0x10, 0x2000), Error::WrapsAround(VirtAddr(!0xfff)));
}

#[test]
fn a_segment_that_reaches_the_user_limit_is_refused() {
    let last = USER_LIMIT - 0x1000;
    data_refused(load(RW, 0x2000, last, 0, 0x1001), Error::AboveUserLimit(VirtAddr(last)));
    data_refused(load(RW, 0x2000, USER_LIMIT, 0, 1), Error::AboveUserLimit(VirtAddr(USER_LIMIT)));
    data_refused(load(RW, 0x2000, !0xffff, 0, 1), Error::AboveUserLimit(VirtAddr(!0xffff)));
    data_accepted(load(RW, 0x2000, last, 0, 0x1000));
}

#[test]
fn the_region_of_the_stack_is_refused_and_its_neighbours_are_not() {
    let low = USER_STACK - STACK_LIMIT;
    for (vaddr, memsz) in [
        (low, 1),
        (low - 0x1000, 0x1001),
        (USER_STACK - 0x1000, 1),
        (USER_STACK - 0x1000, 0x2000),
        (low - 0x1000, STACK_LIMIT + 0x2000),
    ] {
        data_refused(load(RW, 0x2000, vaddr, 0, memsz), Error::OverlapsStack(VirtAddr(vaddr)));
    }
    data_accepted(load(RW, 0x2000, low - 0x1000, 0, 0x1000));
    data_accepted(load(RW, 0x2000, USER_STACK, 0, 0x1000));
}

#[test]
fn segments_that_overlap_are_refused_in_any_order() {
    data_refused(load(RW, 0x2000, 0x400000, 0x10, 0x10), Error::SegmentsOverlap(VirtAddr(0x400000)));
    data_refused(load(RW, 0x2233, 0x401233, 0, 0x10), Error::SegmentsOverlap(VirtAddr(0x401233)));
    data_refused(load(RW, 0x2000, 0x3ff000, 0, 0x1001), Error::SegmentsOverlap(VirtAddr(0x400000)));
    data_accepted(load(RW, 0x2234, 0x401234, 0, 0x10));
    data_accepted(load(RW, 0x2000, 0x3ff000, 0, 0x1000));
}

#[test]
fn one_segment_inside_another_is_refused() {
    let wide = load(RX, 0, 0x400000, 0x10, 0x10_0000);
    let inner = load(RW, 0x2000, 0x450000, 0, 0x10);
    let image = Image::with(vec![inner, wide]);
    assert_eq!(plan(image.bytes().as_slice()), Err(Error::SegmentsOverlap(VirtAddr(0x450000))));
}

#[test]
fn more_pieces_in_one_page_than_it_can_hold_are_refused() {
    let piece = |i: u64| load(RX, 0x100 * i, 0x400000 + 0x100 * i, 0x100, 0x100);
    let four = Image::with((0..4).map(piece).collect());
    assert_eq!(
        plan(four.bytes().as_slice()).unwrap().page(VirtAddr(0x400000).vpn()).unwrap().pieces.len(),
        4
    );
    let five = Image::with((0..5).map(piece).collect());
    assert_eq!(plan(five.bytes().as_slice()), Err(Error::CrowdedPage(VirtAddr(0x400000))));
}

#[test]
fn too_many_segments_are_refused() {
    let segment = |i: usize| load(RX, 0, 0x400000 + 0x1000 * i as u64, 0x10, 0x1000);
    let full = Image::with((0..SEGMENTS_MAX).map(segment).collect());
    assert_eq!(plan(full.bytes().as_slice()).unwrap().segments.len(), SEGMENTS_MAX);
    let over = Image::with((0..=SEGMENTS_MAX).map(segment).collect());
    assert_eq!(plan(over.bytes().as_slice()), Err(Error::TooManySegments));
}

#[test]
fn nothing_to_load_is_refused() {
    refused(|i| i.phdrs.clear(), Error::NoSegments);
    refused(|i| i.phdrs.retain(|p| p.kind != PT_LOAD), Error::NoSegments);
}

#[test]
fn the_entry_must_lie_in_executable_bytes() {
    refused(|i| i.entry = 0, Error::EntryOutside(VirtAddr(0)));
    refused(|i| i.entry = 0x3fffff, Error::EntryOutside(VirtAddr(0x3fffff)));
    refused(|i| i.entry = 0x401234, Error::EntryOutside(VirtAddr(0x401234)));
    refused(|i| i.entry = 0x602000, Error::EntryOutside(VirtAddr(0x602000)));
    refused(|i| i.phdrs[0].flags = R, Error::EntryOutside(VirtAddr(0x400100)));
    let mut image = Image::pintos();
    image.entry = 0x401233;
    assert!(plan(image.bytes().as_slice()).is_ok(), "the last byte of text");
}

/// A file whose reading fails from `good` on.
struct Failing(Vec<u8>, u64);

impl Source for Failing {
    type Error = &'static str;

    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), &'static str> {
        if offset + buf.len() as u64 > self.1 {
            return Err("bad sector");
        }
        self.0.as_slice().read_at(offset, buf).map_err(|_| "out of bounds")
    }
}

#[test]
fn a_read_error_is_the_disks_fault_and_comes_through_unchanged() {
    for good in [0, 64, 64 + 56] {
        let file = Failing(Image::pintos().bytes(), good);
        assert_eq!(plan(&file), Err(Error::Read("bad sector")), "{good} good bytes");
    }
    let headers_only = Failing(Image::pintos().bytes(), 64 + 3 * 56);
    assert!(plan(&headers_only).is_ok(), "nothing but the headers is read");
}

#[test]
fn no_two_errors_say_the_same() {
    use std::collections::BTreeSet;
    let a = VirtAddr(0x1000);
    let all: Vec<Error<OutOfBounds>> = vec![
        Error::Read(OutOfBounds),
        Error::NotElf,
        Error::Truncated,
        Error::WrongClass,
        Error::WrongByteOrder,
        Error::WrongVersion,
        Error::WrongMachine(3),
        Error::WrongType(1),
        Error::WrongType(3),
        Error::WrongType(4),
        Error::WrongType(9),
        Error::WrongHeaderSize(1),
        Error::HeadersOutsideFile,
        Error::Interpreter,
        Error::Dynamic,
        Error::Shlib,
        Error::Misaligned(a),
        Error::OffsetOutsideFile(a),
        Error::ContentOutsideFile(a),
        Error::FileLargerThanMemory(a),
        Error::EmptySegment(a),
        Error::NullPage(a),
        Error::WrapsAround(a),
        Error::AboveUserLimit(a),
        Error::OverlapsStack(a),
        Error::SegmentsOverlap(a),
        Error::CrowdedPage(a),
        Error::TooManySegments,
        Error::NoSegments,
        Error::EntryOutside(a),
    ];
    let texts: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), all.len());
    assert!(texts.iter().all(|t| t.len() < 100 && !t.contains('\n')), "one short line each");
}
