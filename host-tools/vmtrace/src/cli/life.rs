//! `vmtrace page`, `vmtrace frame` and `vmtrace slot`: the whole life of one of them, in words.

use super::input::Input;
use super::{Env, FINE, FOUND};
use crate::error::Error;
use crate::model::filter::number;
use crate::model::life::{Life, PagesAt, Subject};
use crate::model::merge::Merge;
use crate::view;
use fl_addr::{PageId, Pfn, Pid, Slot, VirtAddr};

/// Tell one page's whole life: made, shown to whom and how fast, copied, evicted and why, written to swap or file, read again, freed
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace page RUN.vmt 17                       (the number that `timeline --raw` shows)\n  vmtrace page RUN.vmt 0x8049000 --pid 3        (whatever process 3 had there)\n\nExit status: 0 told, 1 the trace knows no such page, 2 the trace could not be read."
)]
pub struct PageArgs {
    #[command(flatten)]
    input: Input,
    /// The page's number; with --pid an address
    #[arg(value_name = "ID", value_parser = number)]
    id: u64,
    /// ID is an address of this process: tell of every page that it had there
    #[arg(long)]
    pid: Option<u32>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Tell one frame's whole life: which pages were in it, one after the other
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace frame RUN.vmt 0x1a2\n\nExit status: 0 told, 1 the trace knows no such frame, 2 the trace could not be read."
)]
pub struct FrameArgs {
    #[command(flatten)]
    input: Input,
    /// The frame's number, as `timeline --raw` shows it
    #[arg(value_name = "PFN", value_parser = number)]
    pfn: u64,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

/// Tell one swap slot's whole life: which pages were written to it, when they were read, and why it became free
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  vmtrace slot RUN.vmt 17\n\nExit status: 0 told, 1 the trace knows no such slot, 2 the trace could not be read."
)]
pub struct SlotArgs {
    #[command(flatten)]
    input: Input,
    /// The slot's number, as `timeline --raw` shows it
    #[arg(value_name = "N", value_parser = number)]
    slot: u64,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub fn page(args: PageArgs, env: &mut Env<'_>) -> Result<u8, Error> {
    let pages = match args.pid {
        None => vec![PageId(narrow(args.id, "page")?)],
        Some(pid) => {
            if args.input.is_live()? {
                let why = "an address is looked up by reading the trace twice: name a recorded file, or the page's number";
                return Err(Error::Usage(why.into()));
            }
            let mut found = Merge::new(PagesAt::new(Pid(pid), VirtAddr(args.id).vpn()));
            args.input.read(env, &mut found, |_, _| Ok(()))?;
            found.into_inner().pages
        }
    };
    let what = match args.pid {
        None => format!("page {}", args.id),
        Some(pid) => format!("page of process {pid} at {}", VirtAddr(args.id).align_down()),
    };
    tell(&args.input, Subject::Pages(pages), &what, args.json, env)
}

pub fn frame(args: FrameArgs, env: &mut Env<'_>) -> Result<u8, Error> {
    let pfn = Pfn(narrow(args.pfn, "frame")?);
    tell(&args.input, Subject::Frame(pfn), &format!("frame {pfn}"), args.json, env)
}

pub fn slot(args: SlotArgs, env: &mut Env<'_>) -> Result<u8, Error> {
    let slot = Slot(narrow(args.slot, "slot")?);
    tell(&args.input, Subject::Slot(slot), &format!("slot {slot}"), args.json, env)
}

fn narrow(number: u64, what: &str) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| {
        Error::Usage(format!("{number:#x} is no {what}'s number (for an address give --pid, too)"))
    })
}

fn tell(input: &Input, subject: Subject, what: &str, json: bool, env: &mut Env<'_>) -> Result<u8, Error> {
    let mut life = Merge::new(Life::new(subject));
    let loss = input.read(env, &mut life, |_, _| Ok(()))?;
    let life = life.into_inner();
    if json {
        env.print_json(&view::life::json(&life, what, view::damage::json(&loss)))?;
    } else {
        let damage = input.damage_text(env, &loss);
        env.print(&damage)?;
        if !life.events.is_empty() {
            env.print(&view::life::text(&life, what, &env.look))?;
        }
    }
    if life.events.is_empty() {
        env.say(&format!("vmtrace: no event of {} is about {what}", input.name()));
        return Ok(FOUND);
    }
    Ok(FINE)
}
