//! From a film to its landmarks.
