//! Disk images on the host: made, filled, looked at. The format is `fl_volume`'s, the same code that the kernel mounts with.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use fl_volume::{BlockDevice, Damage, MountError, Overlay, SECTOR};

use crate::{Error, Result};

/// Bytes of an image that a run makes for itself: the smallest round size at which FAT is FAT32. Sparse, so it takes what is in it.
pub const SIZE: u64 = 272 << 20;
/// Bytes of a disk in memory that are left for what programs write.
const RAM_SPARE: u64 = 2 << 20;
/// Bytes of an image that is copied into the guest's memory, at most.
pub const RAM_MAX: u64 = 64 << 20;

type Volume<'a, D> = fl_volume::Volume<&'a D>;
type VolumeError = fl_volume::Error<io::Error>;

/// An image that is there.
struct Image(File);

impl BlockDevice for Image {
    type Error = io::Error;

    fn sectors(&self) -> u64 {
        self.0.metadata().map_or(0, |about| about.len() / SECTOR as u64)
    }
    fn read(&self, sector: u64, buf: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buf, sector * SECTOR as u64)
    }
    fn write(&self, sector: u64, buf: &[u8]) -> io::Result<()> {
        self.0.write_all_at(buf, sector * SECTOR as u64)
    }
    /// What is written is the next reader's at once; a host that loses power loses more than a run's disk.
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// An image in the making, all zero at first: zeros that change nothing are not written, so that the file stays sparse.
struct Fresh {
    image: Image,
    sectors: u64,
    /// Sectors that hold something.
    written: RefCell<BTreeSet<u64>>,
}

impl BlockDevice for Fresh {
    type Error = io::Error;

    fn sectors(&self) -> u64 {
        self.sectors
    }
    fn read(&self, sector: u64, buf: &mut [u8]) -> io::Result<()> {
        self.image.read(sector, buf)
    }
    fn write(&self, sector: u64, buf: &[u8]) -> io::Result<()> {
        let range = sector..sector + (buf.len() / SECTOR) as u64;
        let mut written = self.written.borrow_mut();
        if written.range(range.clone()).next().is_none() && buf.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        written.extend(range);
        self.image.write(sector, buf)
    }
    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A file for an image, by name and content.
pub type Entry<'a> = (&'a str, &'a [u8]);

/// Bytes of a disk in memory that holds these files.
pub fn ram_size<'a>(files: impl Iterator<Item = Entry<'a>>) -> u64 {
    (content(files) + RAM_SPARE).next_multiple_of(1 << 20)
}

/// Bytes of an image that holds these files, on a disk.
pub fn size<'a>(files: impl Iterator<Item = Entry<'a>>) -> u64 {
    SIZE.max((2 * content(files)).next_multiple_of(1 << 20))
}

fn content<'a>(files: impl Iterator<Item = Entry<'a>>) -> u64 {
    files.map(|(_, bytes)| (bytes.len() as u64).next_multiple_of(fl_volume::image::CLUSTER)).sum()
}

/// Makes an image of `bytes` bytes with these files; the same files give the same bytes. It appears only when it is whole.
///
/// # Errors
/// It cannot be written, or the files do not fit.
pub fn make<'a>(path: &Path, bytes: u64, files: impl Iterator<Item = Entry<'a>>) -> Result<()> {
    let partial = PathBuf::from(format!("{}.partial-{}", path.display(), std::process::id()));
    let made = File::options().read(true).write(true).create(true).truncate(true).open(&partial);
    let made = made.and_then(|file| file.set_len(bytes).map(|()| file)).map_err(Error::writing(&partial));
    let made = made.and_then(|file| {
        let fresh = Fresh { image: Image(file), sectors: bytes / SECTOR as u64, written: RefCell::default() };
        let files: Vec<(&[u8], &[u8])> = files.map(|(name, bytes)| (name.as_bytes(), bytes)).collect();
        fl_volume::image::build_on(&fresh, &files).map_err(|why| unusable(path, &why))
    });
    let made = made.and_then(|()| fs::rename(&partial, path).map_err(Error::writing(path)));
    if made.is_err() {
        let _ = fs::remove_file(&partial);
    }
    made
}

/// Puts into an image those of the files that it does not hold as they are. If it holds all, it is only read, whatever state it is in; if not, it is
/// repaired first, as the kernel would.
///
/// # Errors
/// It cannot be read or written, holds no volume that can be used, or has no room.
pub fn update<'a>(path: &Path, files: impl Iterator<Item = Entry<'a>>) -> Result<()> {
    let changed: Vec<Entry<'_>> = {
        let look = Look::at(path)?;
        let mut volume = look.volume(path)?;
        let mut changed = Vec::new();
        for file in files {
            if read(&mut volume, file.0).map_err(|why| unusable(path, &why))?.as_deref() != Some(file.1) {
                changed.push(file);
            }
        }
        changed
    };
    if changed.is_empty() {
        return Ok(());
    }
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(Error::writing(path))?;
    let image = Image(file);
    let mut volume = Volume::mount(&image).map_err(|why| unusable(path, &why))?;
    for (name, bytes) in changed {
        replace(&mut volume, name, bytes)
            .map_err(|why| unusable(path, &format!("'{name}' cannot be put into it: {why}")))?;
    }
    volume.unmount().map_err(|why| unusable(path, &why))
}

/// The names of an image's files that a command line can say.
///
/// # Errors
/// It cannot be read, or holds no volume that can be used.
pub fn names(path: &Path) -> Result<Vec<String>> {
    let look = Look::at(path)?;
    let names = look.volume(path)?.names().map_err(|why| unusable(path, &why))?;
    Ok(names.iter().filter_map(|name| String::from_utf8(name.as_bytes().to_vec()).ok()).collect())
}

/// The content of a file in an image; `None` if there is none of that name.
///
/// # Errors
/// As [`names`].
pub fn get(path: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let look = Look::at(path)?;
    read(&mut look.volume(path)?, name).map_err(|why| unusable(path, &why))
}

/// What is wrong with the volume of a guest that has powered off; `None` if nothing is, or nobody can say because the image's owner keeps
/// directories in it.
///
/// # Errors
/// The image cannot be read.
pub fn complaint(path: &Path) -> Result<Option<String>> {
    let look = Look::at(path)?;
    match fl_volume::check(&&look.0) {
        Ok(found) if found.nothing() => Ok(None),
        Ok(found) => Ok(Some(format!("{found}"))),
        Err(MountError::Damaged(Damage::Directory(_))) => Ok(None),
        Err(MountError::Device(source)) => Err(Error::CannotRead { path: path.to_owned(), source }),
        Err(why) => Ok(Some(why.to_string())),
    }
}

/// An image that is only looked at: what repair would change stays in memory.
struct Look(Overlay<Image>);

impl Look {
    fn at(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::reading(path))?;
        Ok(Self(Overlay::new(Image(file))))
    }

    fn volume(&self, path: &Path) -> Result<Volume<'_, Overlay<Image>>> {
        Volume::mount(&self.0).map_err(|why| unusable(path, &why))
    }
}

fn read<D: BlockDevice<Error = io::Error>>(
    volume: &mut Volume<'_, D>,
    name: &str,
) -> Result<Option<Vec<u8>>, VolumeError> {
    let id = match volume.open(name.as_bytes()) {
        Ok(id) => id,
        Err(VolumeError::NotFound | VolumeError::Name(_)) => return Ok(None),
        Err(why) => return Err(why),
    };
    let size = usize::try_from(volume.size(id)?).map_err(|_| VolumeError::TooLarge)?;
    let mut bytes = vec![0; size];
    let done = volume.read(id, 0, &mut bytes);
    volume.close(id)?;
    done.map(|_| Some(bytes))
}

fn replace<D: BlockDevice<Error = io::Error>>(
    volume: &mut Volume<'_, D>,
    name: &str,
    bytes: &[u8],
) -> Result<(), VolumeError> {
    match volume.remove(name.as_bytes()) {
        Ok(()) | Err(VolumeError::NotFound) => {}
        Err(why) => return Err(why),
    }
    volume.create(name.as_bytes(), bytes.len() as u64)?;
    let id = volume.open(name.as_bytes())?;
    let written = volume.write(id, 0, bytes);
    volume.close(id)?;
    written.map(drop)
}

fn unusable(path: &Path, why: &impl ToString) -> Error {
    Error::Disk { path: path.to_owned(), why: why.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    const FILES: [Entry<'static>; 2] = [("hello", b"hello, disk"), ("Data.1", &[7; 9000])];

    fn image(dir: &tempfile::TempDir, bytes: u64) -> PathBuf {
        let path = dir.path().join("disk.img");
        make(&path, bytes, FILES.into_iter()).unwrap();
        path
    }

    #[test]
    fn an_image_holds_its_files_is_sparse_and_the_same_every_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = image(&dir, SIZE);
        let about = fs::metadata(&path).unwrap();
        assert_eq!(about.len(), SIZE);
        assert!(about.blocks() * 512 < 1 << 20, "{} blocks", about.blocks());
        assert_eq!(get(&path, "hello").unwrap().unwrap(), FILES[0].1);
        assert_eq!(get(&path, "Data.1").unwrap().unwrap(), FILES[1].1);
        assert_eq!(get(&path, "data.1").unwrap(), None);
        assert_eq!(complaint(&path).unwrap(), None);
        let small = image(&dir, ram_size(FILES.into_iter()));
        let first = fs::read(&small).unwrap();
        assert_eq!(fs::read(image(&dir, ram_size(FILES.into_iter()))).unwrap(), first);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_an_image_holds_already_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = image(&dir, 4 << 20);
        let before = fs::read(&path).unwrap();
        update(&path, FILES.into_iter()).unwrap();
        assert!(fs::read(&path).unwrap() == before);
        update(&path, [("hello", &b"changed"[..]), ("new", b"")].into_iter()).unwrap();
        assert_eq!(get(&path, "hello").unwrap().unwrap(), b"changed");
        assert_eq!(get(&path, "Data.1").unwrap().unwrap(), FILES[1].1, "others are kept");
        assert_eq!(names(&path).unwrap().len(), 3);
        assert_eq!(complaint(&path).unwrap(), None);
    }

    #[test]
    fn an_image_that_was_left_as_by_a_crash_is_said_so_and_repaired_when_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = image(&dir, 4 << 20);
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let image = Image(file);
        let mut volume = Volume::mount(&image).unwrap();
        volume.create(b"more", 5000).unwrap();
        drop(volume);
        assert!(complaint(&path).unwrap().unwrap().starts_with("not unmounted"));
        let before = fs::read(&path).unwrap();
        update(&path, FILES.into_iter()).unwrap();
        assert!(fs::read(&path).unwrap() == before, "there was nothing to put");
        update(&path, [("new", &b"x"[..])].into_iter()).unwrap();
        assert_eq!(complaint(&path).unwrap(), None);
    }

    #[test]
    fn what_is_no_volume_or_has_no_room_is_said_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let empty = dir.path().join("empty");
        File::create(&empty).unwrap().set_len(1 << 20).unwrap();
        for error in [
            names(&empty).unwrap_err(),
            update(&image(&dir, 1 << 20), [("large", &[0; 2 << 20][..])].into_iter()).unwrap_err(),
            make(&empty, 1 << 20, [("large", &[0; 2 << 20][..])].into_iter()).unwrap_err(),
            names(&dir.path().join("missing")).unwrap_err(),
        ] {
            let message = error.to_string();
            assert!(!message.contains('\n') && message.contains('/'), "{message}");
        }
    }
}
