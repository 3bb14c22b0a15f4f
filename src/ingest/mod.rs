//! From a file in the watched folder to an [`Arrival`](crate::domain::arrival::Arrival): seen, complete, hashed.
