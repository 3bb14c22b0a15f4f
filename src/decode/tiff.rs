//! The structure of a TIFF file: its directories and where the pixels of each lie (TIFF 6.0, section 2; BigTIFF).
//!
//! Read with seeks, nothing is allocated for what a file claims: numbers of entries, strips and pages are bounded.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// A film has one page, perhaps with previews.
const MAX_PAGES: u64 = 64;
const MAX_ENTRIES: u64 = 4096;
/// One strip a row of the tallest film.
const MAX_STRIPS: u64 = 1 << 17;

const NEW_SUBFILE_TYPE: u16 = 254;
const STRIP_OFFSETS: u16 = 273;
const STRIP_BYTE_COUNTS: u16 = 279;
const TILE_OFFSETS: u16 = 324;
const TILE_BYTE_COUNTS: u16 = 325;

/// What a walk over the directories found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Structure {
    /// Whether every directory and all pixels lie within the file.
    pub(super) whole: bool,
    /// Pages that are no preview of another.
    pub(super) pages: u64,
}

/// How many full pictures the file holds.
pub(super) fn pages(bytes: &[u8]) -> u64 {
    structure(&mut Cursor::new(bytes)).map_or(0, |s| s.pages)
}

/// Walks over the directories of a file that begins with a TIFF signature.
///
/// # Errors
/// Only those of reading; a file that ends early is not whole.
pub(super) fn structure<R: Read + Seek>(source: &mut R) -> io::Result<Structure> {
    let length = source.seek(SeekFrom::End(0))?;
    let mut tiff = Tiff { source, length, big_endian: false, big: false };
    match tiff.walk() {
        Ok(structure) => Ok(structure),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(Structure::default()),
        Err(e) => Err(e),
    }
}

struct Tiff<'a, R> {
    source: &'a mut R,
    length: u64,
    big_endian: bool,
    /// BigTIFF: offsets of eight bytes.
    big: bool,
}

/// An entry of a directory: its values lie at `at`, each `size` bytes.
#[derive(Clone, Copy)]
struct Entry {
    tag: u16,
    size: u64,
    count: u64,
    at: u64,
}

impl<R: Read + Seek> Tiff<'_, R> {
    fn walk(&mut self) -> io::Result<Structure> {
        let mut head = [0; 4];
        self.source.seek(SeekFrom::Start(0))?;
        self.source.read_exact(&mut head)?;
        self.big_endian = head.starts_with(b"MM");
        self.big = head.contains(&43);
        let mut directory = self.number(if self.big { 8 } else { 4 }, self.wide())?;
        let mut found = Structure { whole: directory != 0, pages: 0 };
        for _ in 0..MAX_PAGES {
            if directory == 0 {
                break;
            }
            let (entries, next) = self.directory(directory)?;
            found.whole &= self.pixels_are_inside(&entries)?;
            let preview = match entries.iter().find(|e| e.tag == NEW_SUBFILE_TYPE) {
                Some(entry) => self.number(entry.at, entry.size)? & 1 == 1,
                None => false,
            };
            found.pages += u64::from(!preview);
            directory = next;
        }
        Ok(found)
    }

    fn wide(&self) -> u64 {
        if self.big { 8 } else { 4 }
    }

    /// The entries of the directory at `at` that matter here, and where the next directory lies.
    fn directory(&mut self, at: u64) -> io::Result<(Vec<Entry>, u64)> {
        let (head, size) = if self.big { (8, 20) } else { (2, 12) };
        let count = self.number(at, head)?.min(MAX_ENTRIES);
        let mut entries = Vec::new();
        for index in 0..count {
            let entry = at.saturating_add(head + index * size);
            let tag = self.number(entry, 2)? as u16;
            let size: u64 = match self.number(entry + 2, 2)? {
                3 => 2,
                4 | 13 => 4,
                16..=18 => 8,
                _ => 1,
            };
            let count = self.number(entry + 4, self.wide())?;
            let values = entry + 4 + self.wide();
            let inline = size.saturating_mul(count) <= self.wide();
            let at = if inline { values } else { self.number(values, self.wide())? };
            if matches!(tag, NEW_SUBFILE_TYPE | STRIP_OFFSETS | STRIP_BYTE_COUNTS | TILE_OFFSETS | TILE_BYTE_COUNTS) {
                entries.push(Entry { tag, size, count, at });
            }
        }
        let next = self.number(at.saturating_add(head + count * size), self.wide())?;
        Ok((entries, next))
    }

    fn pixels_are_inside(&mut self, entries: &[Entry]) -> io::Result<bool> {
        let find = |tag| entries.iter().copied().find(|e: &Entry| e.tag == tag);
        let strips = find(STRIP_OFFSETS).zip(find(STRIP_BYTE_COUNTS));
        let Some((offsets, counts)) = strips.or_else(|| find(TILE_OFFSETS).zip(find(TILE_BYTE_COUNTS))) else {
            return Ok(false);
        };
        for index in 0..offsets.count.min(counts.count).min(MAX_STRIPS) {
            let offset = self.number(offsets.at.saturating_add(index * offsets.size), offsets.size)?;
            let count = self.number(counts.at.saturating_add(index * counts.size), counts.size)?;
            // a writer that fills in the places last has left zeros
            if offset == 0 || offset.saturating_add(count) > self.length {
                return Ok(false);
            }
        }
        Ok(offsets.count > 0)
    }

    fn number(&mut self, at: u64, size: u64) -> io::Result<u64> {
        let mut bytes = [0; 8];
        let used = bytes.get_mut(..size.min(8) as usize).unwrap_or_default();
        self.source.seek(SeekFrom::Start(at))?;
        self.source.read_exact(used)?;
        if self.big_endian {
            used.reverse();
        }
        Ok(u64::from_le_bytes(bytes))
    }
}
