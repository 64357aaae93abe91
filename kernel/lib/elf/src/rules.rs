//! What is legal: the rules for one program header ([`segment`]) and for all segments together ([`whole`]).
//!
//! Every check stands alone and names its own [`Error`]; the order only decides which of several faults is reported.

use crate::{Error, PIECES_MAX, Plan, Segment};
use elf::abi;
use elf::segment::ProgramHeader;
use fl_abi::{STACK_LIMIT, USER_LIMIT, USER_MIN, USER_STACK};
use fl_addr::{PAGE_SIZE, VirtAddr};

/// The segment a program header describes, or `None` for headers that ask for nothing (PT_GNU_STACK, PT_NOTE, PT_NULL, ...).
pub(crate) fn segment<E>(phdr: &ProgramHeader, file_len: u64) -> Result<Option<Segment>, Error<E>> {
    match phdr.p_type {
        abi::PT_LOAD => {}
        abi::PT_INTERP => return Err(Error::Interpreter),
        abi::PT_DYNAMIC => return Err(Error::Dynamic),
        abi::PT_SHLIB => return Err(Error::Shlib),
        _ => return Ok(None),
    }
    let start = VirtAddr(phdr.p_vaddr);
    let page = PAGE_SIZE as u64;
    if phdr.p_memsz == 0 {
        return Err(Error::EmptySegment(start));
    }
    if phdr.p_memsz < phdr.p_filesz {
        return Err(Error::FileLargerThanMemory(start));
    }
    if phdr.p_offset % page != phdr.p_vaddr % page {
        return Err(Error::Misaligned(start));
    }
    if phdr.p_offset > file_len {
        return Err(Error::OffsetOutsideFile(start));
    }
    if phdr.p_filesz > file_len - phdr.p_offset {
        return Err(Error::ContentOutsideFile(start));
    }
    if phdr.p_vaddr < USER_MIN {
        return Err(Error::NullPage(start));
    }
    let Some(end) = start.checked_add(phdr.p_memsz) else {
        return Err(Error::WrapsAround(start));
    };
    if end.0 > USER_LIMIT {
        return Err(Error::AboveUserLimit(start));
    }
    if phdr.p_vaddr < USER_STACK && end.0 > USER_STACK - STACK_LIMIT {
        return Err(Error::OverlapsStack(start));
    }
    Ok(Some(Segment {
        start,
        mem_len: phdr.p_memsz,
        file_offset: phdr.p_offset,
        file_len: phdr.p_filesz,
        write: phdr.p_flags & abi::PF_W != 0,
        exec: phdr.p_flags & abi::PF_X != 0,
    }))
}

/// The rules between segments, which are sorted by address, and for the entry point.
pub(crate) fn whole<E>(plan: &Plan) -> Result<(), Error<E>> {
    if plan.segments.is_empty() {
        return Err(Error::NoSegments);
    }
    for pair in plan.segments.windows(2) {
        if pair[0].end() > pair[1].start {
            return Err(Error::SegmentsOverlap(pair[1].start));
        }
    }
    // Only the first page of a segment can be the one where too many meet.
    for segment in &plan.segments {
        let page = segment.start.vpn();
        if plan.segments.iter().filter(|s| s.file_part(page).is_some()).count() > PIECES_MAX {
            return Err(Error::CrowdedPage(page.start()));
        }
    }
    if !plan.segments.iter().any(|s| s.exec && s.start <= plan.entry && plan.entry < s.end()) {
        return Err(Error::EntryOutside(plan.entry));
    }
    Ok(())
}
