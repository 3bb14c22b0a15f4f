//! The films of one patient together.
