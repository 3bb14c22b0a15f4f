//! Symmetric matrices as small as the landmarks of one vertebra: how their coordinates vary together.

/// A symmetric matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Symmetric {
    size: usize,
    /// Row by row, both halves.
    entries: Vec<f64>,
}

impl Symmetric {
    /// The matrix with `entry(i, j)` in row `i` and column `j`, which must be that of row `j` and column `i` too.
    pub fn from_fn(size: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let entries = (0..size * size).map(|at| entry(at / size, at % size)).collect();
        Self { size, entries }
    }

    /// The matrix of these rows; `None` unless they are as many as their numbers, and alike on both sides of the diagonal.
    pub fn of_rows(rows: &[Vec<f64>]) -> Option<Self> {
        let size = rows.len();
        let whole = Self { size, entries: rows.concat() };
        let square = rows.iter().all(|row| row.len() == size);
        let alike = |at: usize| (whole.at(at / size, at % size) - whole.at(at % size, at / size)).abs() < 1e-9;
        (square && (0..size * size).all(alike)).then_some(whole)
    }

    /// How many rows it has.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// The number in row `i` and column `j`; none is zero.
    pub fn at(&self, i: usize, j: usize) -> f64 {
        let inside = i < self.size && j < self.size;
        self.entries.get(i * self.size + j).copied().filter(|_| inside).unwrap_or(0.0)
    }

    /// What undoes it; `None` unless it is positive definite, as every covariance without a certainty in it is.
    pub fn inverse(&self) -> Option<Self> {
        let swept = (0..self.size).try_fold(self.clone(), |matrix, pivot| matrix.swept(pivot))?;
        Some(Self { entries: swept.entries.into_iter().map(|entry| -entry).collect(), ..swept })
    }

    /// Sweeps on one row and column (Beaton 1964); swept on all of them a matrix becomes its inverse with the other sign. The pivots of
    /// a positive definite matrix are positive.
    fn swept(&self, pivot: usize) -> Option<Self> {
        let by = self.at(pivot, pivot);
        let entry = |i, j| match (i == pivot, j == pivot) {
            (true, true) => -1.0 / by,
            (true, false) | (false, true) => self.at(i, j) / by,
            (false, false) => self.at(i, j) - self.at(i, pivot) * self.at(pivot, j) / by,
        };
        (by > 0.0 && by.is_finite()).then(|| Self::from_fn(self.size, entry))
    }

    /// The product with a vector of as many numbers.
    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        let row = |i| vector.iter().enumerate().map(|(j, v)| self.at(i, j) * v).sum();
        (0..self.size).map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_that_make_no_symmetric_matrix_are_refused() {
        assert!(Symmetric::of_rows(&[vec![1.0, 0.5], vec![0.5, 1.0]]).is_some());
        assert!(Symmetric::of_rows(&[vec![1.0, 0.5], vec![0.4, 1.0]]).is_none());
        assert!(Symmetric::of_rows(&[vec![1.0, 0.5]]).is_none());
        assert!(Symmetric::of_rows(&[vec![1.0, 0.5], vec![0.5]]).is_none());
    }

    #[test]
    fn only_what_is_positive_definite_has_an_inverse_here() {
        let matrix = |off: f64| Symmetric::from_fn(2, |i, j| if i == j { 1.0 } else { off });
        let inverse = matrix(0.5).inverse().unwrap();
        assert!((inverse.at(0, 0) - 4.0 / 3.0).abs() < 1e-12 && (inverse.at(1, 0) + 2.0 / 3.0).abs() < 1e-12);
        assert!(
            matrix(1.0).inverse().is_none() && matrix(2.0).inverse().is_none() && matrix(f64::NAN).inverse().is_none()
        );
        assert_eq!(inverse.at(0, 2), 0.0);
    }

    proptest! {
        #[test]
        fn the_inverse_undoes_it(factors in proptest::collection::vec(-2.0..2.0, 25), v in proptest::collection::vec(-3.0..3.0, 5)) {
            let at = |i: usize, j: usize| factors[5 * i + j];
            let squared = Symmetric::from_fn(5, |i, j| (0..5).map(|k| at(i, k) * at(j, k)).sum::<f64>() + f64::from(u8::from(i == j)));
            let back = squared.inverse().unwrap().times(&squared.times(&v));
            for (a, b) in v.iter().zip(back) {
                prop_assert!((a - b).abs() < 1e-6);
            }
        }
    }
}
