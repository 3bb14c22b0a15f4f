//! Walking over the elements of a DICOM file by their headers (PS3.5 chapter 7), without reading their values.
//!
//! One walker serves both questions that are asked of a file: is it whole ([`completeness`](super::completeness)), and
//! where do the attributes lie that we read ([`header`](super::header)). It works on bytes in memory, on a file and
//! on a deflated stream. Invariants: every step goes forward, so a walk ends; nesting is followed without recursion
//! and only [`MAX_DEPTH`] deep; nothing is allocated for a length that a file claims.

use std::io::{self, Read, Seek};

use dicom_core::Tag;

/// Deeper than any real object nests its sequences; deeper is an attack.
const MAX_DEPTH: usize = 64;

pub(super) const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
pub(super) const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// The encoding of a data set's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    ImplicitLittle,
    ExplicitLittle,
    ExplicitBig,
}

/// Why a walk stopped before its end.
#[derive(Debug)]
pub(super) enum WalkError {
    /// The bytes end inside this element.
    EndsIn(Tag),
    /// These bytes are no element; more bytes would not mend it.
    Malformed(&'static str, Tag),
    /// The file could not be read.
    Io(io::Error),
}

/// Bytes that can be read or stepped over, forwards only.
pub(super) trait Source: Read {
    /// Steps over `count` bytes; `UnexpectedEof` where fewer are left.
    fn skip(&mut self, count: u64) -> io::Result<()>;
}

/// A source with a known end: a file or bytes in memory.
pub(super) struct Seekable<R> {
    inner: R,
    left: u64,
}

impl<R: Read + Seek> Seekable<R> {
    /// The bytes of `inner` from its start, which are stepped over without being read.
    pub(super) fn new(mut inner: R) -> io::Result<Self> {
        let left = inner.seek(io::SeekFrom::End(0))?;
        inner.rewind()?;
        Ok(Self { inner, left })
    }
}

impl<R: Read> Read for Seekable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

impl<R: Read + Seek> Source for Seekable<R> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        if count > self.left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.inner.seek_relative(i64::try_from(count).map_err(io::Error::other)?)?;
        self.left -= count;
        Ok(())
    }
}

/// A source without a known end, such as one that is inflated while it is read.
pub(super) struct Streamed<R>(pub(super) R);

impl<R: Read> Read for Streamed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> Source for Streamed<R> {
    fn skip(&mut self, count: u64) -> io::Result<()> {
        if io::copy(&mut self.0.by_ref().take(count), &mut io::sink())? < count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// The header of an element; the walker stands at its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) tag: Tag,
    /// `None` in implicit encoding and for items.
    pub(super) vr: Option<[u8; 2]>,
    /// Where its value begins, counted from the start of the walk.
    pub(super) value_at: u64,
    /// `None`: until its delimiter.
    pub(super) length: Option<u32>,
}

/// Steps from element to element.
pub(super) struct Walker<S> {
    source: S,
    position: u64,
    /// The tag of the next element where it was looked at already.
    peeked: Option<[u8; 4]>,
    /// How the next elements are encoded.
    pub(super) encoding: Encoding,
}

impl<S: Source> Walker<S> {
    /// A walk that begins at the place where `source` stands, which is counted as `position`.
    pub(super) const fn new(source: S, position: u64, encoding: Encoding) -> Self {
        Self { source, position, peeked: None, encoding }
    }

    /// The next element, or `None` where the source ends cleanly between two.
    pub(super) fn next(&mut self) -> Result<Option<Element>, WalkError> {
        self.next_in(self.encoding)
    }

    /// The bytes of the next element's tag, which stays the next one; `None` at the end.
    pub(super) fn peek_tag(&mut self) -> Result<Option<[u8; 4]>, WalkError> {
        if self.peeked.is_none() {
            let mut bytes = [0; 4];
            match self.source.read_up_to(&mut bytes).map_err(WalkError::Io)? {
                0 => return Ok(None),
                4 => self.peeked = Some(bytes),
                _ => return Err(WalkError::EndsIn(Tag(0, 0))),
            }
            self.position += 4;
        }
        Ok(self.peeked)
    }

    /// What is left of the source, for a walk of another kind, with the tag that was looked at already.
    pub(super) fn into_rest(self) -> impl Read {
        let peeked: Vec<u8> = self.peeked.into_iter().flatten().collect();
        io::Cursor::new(peeked).chain(self.source)
    }

    /// How far the walk has come; a tag that was only looked at does not count.
    pub(super) const fn position(&self) -> u64 {
        if self.peeked.is_some() { self.position - 4 } else { self.position }
    }

    /// Steps over the value of `element`, which must be the last one returned.
    pub(super) fn skip_value(&mut self, element: &Element) -> Result<(), WalkError> {
        match element.length {
            Some(length) => self.skip(element.tag, u64::from(length)),
            None => self.skip_until_delimiter(element),
        }
    }

    /// Reads the value of `element`, which must be the last one returned, where it has at most `most` bytes.
    pub(super) fn read_value(&mut self, element: &Element, most: u32) -> Result<Vec<u8>, WalkError> {
        let length = element.length.filter(|l| *l <= most).ok_or(WalkError::Malformed("is too long", element.tag))?;
        let mut value = vec![0; length as usize];
        self.fill(element.tag, &mut value)?;
        Ok(value)
    }

    /// The places of the fragments of encapsulated pixel data (PS3.5 A.4), without the offset table that comes first.
    pub(super) fn fragments(&mut self) -> Result<Vec<(u64, u32)>, WalkError> {
        let mut fragments = Vec::new();
        let mut offset_table = true;
        loop {
            let item = self.next()?.ok_or(WalkError::EndsIn(PIXEL_DATA))?;
            match (item.tag, item.length) {
                (SEQUENCE_END, _) => return Ok(fragments),
                (ITEM, Some(length)) => {
                    self.skip(PIXEL_DATA, u64::from(length))?;
                    if !offset_table {
                        fragments.push((item.value_at, length));
                    }
                    offset_table = false;
                }
                _ => return Err(WalkError::Malformed("is not made of fragments", PIXEL_DATA)),
            }
        }
    }

    fn next_in(&mut self, encoding: Encoding) -> Result<Option<Element>, WalkError> {
        let Some(bytes) = self.peek_tag()? else { return Ok(None) };
        self.peeked = None;
        let short = |a: u8, b: u8| match encoding {
            Encoding::ExplicitBig => u16::from_be_bytes([a, b]),
            _ => u16::from_le_bytes([a, b]),
        };
        let long = |b: [u8; 4]| match encoding {
            Encoding::ExplicitBig => u32::from_be_bytes(b),
            _ => u32::from_le_bytes(b),
        };
        let [a, b, c, d] = bytes;
        let tag = Tag(short(a, b), short(c, d));
        let mut four = [0; 4];
        self.fill(tag, &mut four)?;
        let (vr, length) = if encoding == Encoding::ImplicitLittle || tag.0 == ITEM.0 {
            (None, long(four))
        } else {
            let [v, r, low, high] = four;
            if !(v.is_ascii_uppercase() && r.is_ascii_uppercase()) {
                return Err(WalkError::Malformed("has no value representation", tag));
            }
            if has_short_length([v, r]) {
                (Some([v, r]), u32::from(short(low, high)))
            } else {
                self.fill(tag, &mut four)?;
                (Some([v, r]), long(four))
            }
        };
        let length = (length != u32::MAX).then_some(length);
        Ok(Some(Element { tag, vr, value_at: self.position, length }))
    }

    /// Steps over a value of undefined length: a sequence, fragments, or UN, which is a sequence in implicit encoding
    /// (PS3.5 6.2.2 note 4).
    fn skip_until_delimiter(&mut self, element: &Element) -> Result<(), WalkError> {
        #[derive(Clone, Copy)]
        enum Inside {
            Sequence(Encoding),
            Item(Encoding),
        }
        let inner = |e: &Element, outer| if e.vr == Some(*b"UN") { Encoding::ImplicitLittle } else { outer };
        let mut open = vec![Inside::Sequence(inner(element, self.encoding))];
        while let Some(inside) = open.last().copied() {
            let (Inside::Sequence(encoding) | Inside::Item(encoding)) = inside;
            let next = self.next_in(encoding)?.ok_or(WalkError::EndsIn(element.tag))?;
            let deeper = match (inside, next.tag) {
                (Inside::Sequence(_), SEQUENCE_END) | (Inside::Item(_), ITEM_END) => {
                    open.pop();
                    continue;
                }
                (Inside::Sequence(_), ITEM) => Inside::Item(encoding),
                (Inside::Item(_), tag) if tag.0 != ITEM.0 => Inside::Sequence(inner(&next, encoding)),
                _ => return Err(WalkError::Malformed("has items out of order", element.tag)),
            };
            match next.length {
                Some(length) => self.skip(element.tag, u64::from(length))?,
                None if open.len() >= MAX_DEPTH => {
                    return Err(WalkError::Malformed("is nested too deeply", element.tag));
                }
                None => open.push(deeper),
            }
        }
        Ok(())
    }

    fn skip(&mut self, tag: Tag, count: u64) -> Result<(), WalkError> {
        self.source.skip(count).map_err(|e| ends_in(tag, e))?;
        self.position += count;
        Ok(())
    }

    fn fill(&mut self, tag: Tag, buffer: &mut [u8]) -> Result<(), WalkError> {
        self.source.read_exact(buffer).map_err(|e| ends_in(tag, e))?;
        self.position += buffer.len() as u64;
        Ok(())
    }
}

/// Reading as much as there is, where the end of the source is no error.
pub(super) trait ReadUpTo: Read {
    /// Fills `buffer` as far as the source goes and tells how far that was.
    fn read_up_to(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|r| !r.is_empty()) {
            match self.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }
}

impl<R: Read> ReadUpTo for R {}

fn ends_in(tag: Tag, error: io::Error) -> WalkError {
    if error.kind() == io::ErrorKind::UnexpectedEof { WalkError::EndsIn(tag) } else { WalkError::Io(error) }
}

/// Whether the length of `vr` has two bytes (PS3.5 table 7.1-2); all others, also future ones, have four after two
/// reserved bytes (table 7.1-1).
fn has_short_length(vr: [u8; 2]) -> bool {
    const SHORT: [&[u8; 2]; 21] = [
        b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS",
        b"ST", b"TM", b"UI", b"UL", b"US",
    ];
    SHORT.contains(&&vr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8], encoding: Encoding) -> Result<Vec<Element>, WalkError> {
        let mut walker = Walker::new(Seekable::new(io::Cursor::new(bytes)).map_err(WalkError::Io)?, 0, encoding);
        let mut elements = Vec::new();
        while let Some(element) = walker.next()? {
            walker.skip_value(&element)?;
            elements.push(element);
        }
        Ok(elements)
    }

    #[test]
    fn the_three_encodings_of_one_element() {
        let cases: [(&[u8], Encoding, u64); 3] = [
            (b"\x28\0\x10\0\x02\0\0\0\x07\0", Encoding::ImplicitLittle, 8),
            (b"\x28\0\x10\0US\x02\0\x07\0", Encoding::ExplicitLittle, 8),
            (b"\0\x28\0\x10US\0\x02\0\x07", Encoding::ExplicitBig, 8),
        ];
        for (bytes, encoding, value_at) in cases {
            let elements = walk(bytes, encoding).expect("whole");
            assert_eq!(elements.len(), 1);
            assert_eq!((elements[0].tag, elements[0].value_at), (Tag(0x28, 0x10), value_at));
            assert_eq!(elements[0].length, Some(2));
        }
    }

    #[test]
    fn a_sequence_of_undefined_length_is_stepped_over_whole() {
        let mut bytes = b"\x08\0\x18\x22SQ\0\0\xff\xff\xff\xff".to_vec(); // a sequence …
        bytes.extend(b"\xfe\xff\x00\xe0\xff\xff\xff\xff"); // with an open item
        bytes.extend(b"\x08\0\x04\x01LO\x04\0NECK"); // with an element
        bytes.extend(b"\x09\0\x10\x01UN\0\0\xff\xff\xff\xff"); // and a private sequence in implicit encoding
        bytes.extend(b"\xfe\xff\x00\xe0\xff\xff\xff\xff\x09\0\x11\x01\x02\0\0\0AB\xfe\xff\x0d\xe0\0\0\0\0");
        bytes.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
        bytes.extend(b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0");
        bytes.extend(b"\x28\0\x10\0US\x02\0\x07\0");
        let elements = walk(&bytes, Encoding::ExplicitLittle).expect("whole");
        assert_eq!(elements.iter().map(|e| e.tag).collect::<Vec<_>>(), [Tag(8, 0x2218), Tag(0x28, 0x10)]);
        let whole = [0, elements[1].value_at as usize - 8, bytes.len()];
        for cut in (1..bytes.len()).filter(|cut| !whole.contains(cut)) {
            assert!(matches!(walk(&bytes[..cut], Encoding::ExplicitLittle), Err(WalkError::EndsIn(_))), "{cut}");
        }
    }

    #[test]
    fn endless_nesting_is_refused() {
        let mut bytes = Vec::new();
        for _ in 0..100_000 {
            bytes.extend(b"\x08\0\x18\x22SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff");
        }
        assert!(matches!(walk(&bytes, Encoding::ExplicitLittle), Err(WalkError::Malformed(..))));
    }

    #[test]
    fn a_claimed_length_is_not_allocated() {
        let bytes = b"\x08\0\x05\0\xfe\xff\xff\xff";
        assert!(matches!(walk(bytes, Encoding::ImplicitLittle), Err(WalkError::EndsIn(_))));
    }
}
