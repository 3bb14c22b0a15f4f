//! The words every room shares: geometry, anatomy, the radiograph, the report.
//!
//! Nothing here reads a file, knows JSON or opens a socket. A value that exists is valid: constructors check, there are
//! no setters. Pixel coordinates are continuous: (0, 0) is the top left corner of the top left pixel and its centre is
//! (0.5, 0.5), x to the right, y down, as in DICOM's SCOORD (PS3.3 C.18.6.1.2).

pub mod anatomy;
pub mod arrival;
pub mod board;
pub mod convention;
pub mod decision;
pub mod detection;
pub mod fault;
pub mod field;
pub mod geometry;
pub mod matrix;
pub mod measurement;
pub mod radiograph;
pub mod report;
