//! defmt log records as lines: [`Decoder`] knows the kernel's strings and refuses another kernel's ELF.

use crate::error::Error;
use crate::model::clock::Clock;
use crate::view::paint::Look;
use defmt_decoder::{DecodeError, Locations, Table};
use fl_addr::CpuId;
use fl_trace::control::Hello;
use object::{Object, ObjectSection};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The kernel's log strings and where they stand in its source.
pub struct Decoder {
    table: Table,
    locations: Option<Locations>,
    elf: PathBuf,
    /// Build id of the ELF in hex, empty if it has none.
    build_id: String,
}

/// A decoded log record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// `error`, `warn`, `info`, `debug`, `trace`, or nothing for a line without a level.
    pub level: Option<&'static str>,
    /// The time in the record itself, if the kernel writes one.
    pub timestamp: Option<String>,
    /// The text.
    pub message: String,
    /// File and line, if the ELF has debug information.
    pub location: Option<String>,
}

impl Decoder {
    /// Reads the ELF.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`], [`Error::BadElf`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|e| Error::io("cannot read", path.display(), e))?;
        let bad = |why: String| Error::BadElf { elf: path.into(), why };
        let object = object::File::parse(&*bytes).map_err(|e| bad(format!("is no ELF file ({e})")))?;
        let build_id = object.build_id().ok().flatten().map(hex).unwrap_or_default();
        let table = Table::parse(&bytes)
            .map_err(|e| bad(format!("its log strings cannot be read ({e})")))?
            .ok_or_else(|| {
            bad("has no log strings (no .defmt section): is this the kernel that was booted?".into())
        })?;
        let has_lines = object.section_by_name(".debug_line").is_some_and(|section| section.size() > 0);
        // Without debug information there are no places, and that is no error.
        let locations = if has_lines { table.get_locations(&bytes).ok() } else { None };
        Ok(Self { table, locations, elf: path.into(), build_id })
    }

    /// Whether the trace was written by this very kernel.
    ///
    /// # Errors
    /// [`Error::OtherKernel`]: the strings would be wrong.
    pub fn require(&self, hello: &Hello) -> Result<(), Error> {
        let wanted = hex(&hello.build_id);
        // The hello holds the first 20 bytes, padded with zeros.
        let found = format!("{:0<40.40}", self.build_id);
        if hello.build_id == [0; 20] || self.build_id.is_empty() || found != wanted {
            return Err(Error::OtherKernel { elf: self.elf.clone(), found: self.build_id.clone(), wanted });
        }
        Ok(())
    }

    /// Decodes one record; `None` if it fits none of the kernel's strings.
    pub fn decode(&self, frame: &[u8]) -> Option<Line> {
        let (decoded, _) = match self.table.decode(frame) {
            Ok(decoded) => decoded,
            Err(DecodeError::UnexpectedEof | DecodeError::Malformed) => return None,
        };
        let location = self.locations.as_ref().and_then(|all| all.get(&decoded.index()));
        Some(Line {
            level: decoded.level().map(|level| level.as_str()),
            timestamp: decoded.display_timestamp().map(|t| t.to_string()),
            message: decoded.display_message().to_string(),
            location: location.map(|at| format!("{}:{}", at.file.display(), at.line)),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Line {
    /// The line as text, without the newline. `tsc`: when the packet that carried it was begun.
    pub fn text(&self, look: &Look, clock: &Clock, cpu: CpuId, tsc: u64, places: bool) -> String {
        let time = self.timestamp.clone().unwrap_or_else(|| clock.moment(tsc));
        let level = format!("{:<5}", self.level.unwrap_or("").to_uppercase());
        let level = match self.level {
            Some("error") => look.bad(&level),
            Some("warn") => look.warn(&level),
            Some("info") => look.good(&level),
            _ => look.dim(&level),
        };
        let place = match &self.location {
            Some(location) if places => format!("  {}", look.dim(location)),
            _ => String::new(),
        };
        format!("{} {level} {}{place}", look.dim(&format!("{time:>13} cpu{:<3}", cpu.0)), safe(&self.message))
    }

    /// The line as a JSON object.
    pub fn json(&self, clock: &Clock, cpu: CpuId, tsc: u64) -> Value {
        json!({
            "cpu": cpu.0, "packet_ticks": clock.since_boot(tsc), "timestamp": self.timestamp, "level": self.level,
            "message": self.message, "location": self.location,
        })
    }
}

/// A message may hold user data: control characters stay out of the terminal, and a line stays a line.
fn safe(message: &str) -> String {
    let shown = |c: char| match c {
        '\t' => c.to_string(),
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    };
    message.chars().map(shown).collect()
}
