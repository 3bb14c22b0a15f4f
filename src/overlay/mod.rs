//! The film with its landmarks, end-plates, plumb line and numbers drawn on it.
