//! Synthetic lateral cervical films with exact truth.
